import assert from "node:assert/strict";
import type { KernelRow } from "../../src/index.ts";
import { quote } from "./make-memory.ts";
import { readBoth } from "./read-both.ts";
import type { Truth } from "./truth.ts";

/** What the guest says of its kernel, a line each. */
const READ_KERNEL = `
mountpoint -q /sys/kernel/security || mount -t securityfs none /sys/kernel/security
perl -e ${quote(String.raw`
sub slurp { open my $f, "<", $_[0] or return ""; local $/; return (<$f> // "") =~ s/\s+\z//r }
print join("
", (map { slurp("/proc/sys/kernel/$_") } qw(osrelease hostname)), slurp("/proc/version"),
  slurp("/proc/cmdline"), scalar(() = slurp("/proc/cpuinfo") =~ /^processor/gm), slurp("/proc/sys/kernel/tainted"),
  slurp("/sys/kernel/security/lsm"), slurp("/sys/kernel/security/lockdown") =~ s/.*\[(.*)\].*/$1/r,
  unpack "H*", slurp("/sys/kernel/notes")), "
"`)}`;

export const kernelTruths: readonly Truth[] = [
  {
    view: "kernel",
    claim: "release, name, command line, taint, lockdown and security modules are the guest's own",
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
    async prepare(run) {
      // 64: a flag that user space may set; it stays until the guest ends.
      await run("echo 64 >/proc/sys/kernel/tainted");
    },
    async compare(run, read) {
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
      assert.ok(apart >= 0 && apart <= 6, `${output.trim()} and ${rows[0]?.tasks} tasks`);
    },
  },
  {
    view: "kernel",
    claim: "its load is what /proc/loadavg says",
    async compare(run, read) {
      const command = "cut -d' ' -f1-3 /proc/loadavg";
      const { output, rows } = await readBoth<KernelRow>(run, read, "kernel", command);
      const seen = rows[0]?.loadAverage.map((value) => value.toFixed(2)).join(" ");
      assert.equal(seen, output.trim());
    },
  },
];
