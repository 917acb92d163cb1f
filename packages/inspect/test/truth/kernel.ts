import assert from "node:assert/strict";
import type { KernelRow } from "../../src/index.ts";
import { readBoth } from "./read-both.ts";
import type { Truth } from "./truth.ts";

/** What the guest says of its kernel, a line each. */
const READ_KERNEL = [
  "mountpoint -q /sys/kernel/security || mount -t securityfs none /sys/kernel/security",
  "uname -r",
  "uname -n",
  "cat /proc/version",
  "sed 's/ *$//' /proc/cmdline",
  "nproc --all",
  "cat /proc/sys/kernel/tainted",
  "cat /sys/kernel/security/lsm; echo",
  "sed 's/.*\\[\\(.*\\)\\].*/\\1/' /sys/kernel/security/lockdown",
  "cut -d' ' -f1-3 /proc/loadavg",
  'perl -e \'local $/; open my $f, "<", "/sys/kernel/notes"; print unpack("H*", <$f>), "\\n"\'',
].join("; ");

export const kernelTruths: readonly Truth[] = [
  {
    view: "kernel",
    claim:
      "release, name, command line, taint, lockdown, security modules and load are the guest's own",
    async compare(run, read) {
      const { output, rows } = await readBoth<KernelRow>(run, read, "kernel", READ_KERNEL);
      const [row] = rows;
      assert.ok(row !== undefined);
      const said = output
        .trimEnd()
        .split("\n")
        .filter((line) => line !== "");
      const notes = said.pop() ?? "";
      assert.deepEqual(
        [
          row.release,
          row.hostname,
          row.banner,
          row.commandLine,
          String(row.cpus),
          String(row.tainted),
          row.lsms.join(","),
          row.lockdown,
          row.loadAverage.map((value) => value.toFixed(2)).join(" "),
        ],
        said,
      );
      assert.ok(
        row.buildId !== null && notes.includes(row.buildId),
        "its build-id is in its notes",
      );
    },
  },
  {
    view: "kernel",
    claim: "taint is what was done to the kernel",
    async compare(run, read) {
      // 64: a flag that user space may set; it stays until the guest ends.
      await run("echo 64 >/proc/sys/kernel/tainted");
      const { output, rows } = await readBoth<KernelRow>(
        run,
        read,
        "kernel",
        "cat /proc/sys/kernel/tainted",
      );
      assert.equal(String(rows[0]?.tainted), output.trim());
      assert.ok(rows[0]?.taints.includes("U"));
    },
  },
  {
    view: "kernel",
    claim: "as many tasks are counted as there are",
    async compare(run, read) {
      // The shell that is asked and what it starts are among them.
      const { output, rows } = await readBoth<KernelRow>(
        run,
        read,
        "kernel",
        "cut -d' ' -f4 /proc/loadavg | cut -d/ -f2",
      );
      const apart = Number(output) - (rows[0]?.tasks ?? 0);
      assert.ok(apart >= 0 && apart <= 4, `${output.trim()} and ${rows[0]?.tasks} tasks`);
    },
  },
];
