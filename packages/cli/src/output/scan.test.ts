import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import type { VmScanRows } from "@casemate/agent";
import type { DiskScan } from "@casemate/agent/scan-disks";
import { inventorySections } from "@casemate/scan/inventory";
import { outputTo } from "./output.ts";
import { printScan } from "./scan.ts";

const groups = Array.from({ length: 30 }, (_, gid) => ({ name: `group${gid}`, gid, members: [] }));
const schedule = {
  kind: "cron",
  when: "30 3 * * 0",
  user: "root",
  command: `test -e /run/systemd/system || ${"/usr/lib/a/very/long/path".repeat(5)} --option`,
  path: "/etc/cron.d/e2scrub_all",
} as const;
const nothing = Object.fromEntries(inventorySections.map((name) => [name, []]));
const scan: DiskScan<VmScanRows> = {
  subject: "web01.qcow2",
  takenAt: new Date(0),
  os: { id: "debian", prettyName: "Debian GNU/Linux 12 (bookworm)", idLike: [] },
  volumes: [],
  coverage: { volumes: { read: 1, total: 1 }, bytes: { read: 1024, total: 1024 } },
  missed: [],
  found: { ...nothing, groups, schedules: [schedule] },
};

/** What a terminal of that many columns gets; without, what a pipe does. */
function print(printed: DiskScan<VmScanRows>, columns?: number): string {
  const terminal = columns === undefined ? {} : { isTTY: true, columns };
  const stream = Object.assign(new PassThrough(), terminal) as unknown as NodeJS.WriteStream; // all that it uses
  printScan(printed, outputTo(stream, { json: false, noColour: true, terminal: "" }));
  return String(stream.read());
}

test("printScan: short sections in full, long ones by their number, empty ones by name", () => {
  const text = print(scan);
  assert.match(
    text,
    /^Debian GNU\/Linux 12 \(bookworm\)\nAll of it was looked at: 1 of 1 volumes \(1 KiB of 1 KiB\)\.\n/,
  );
  assert.match(text, /\ngroups: 30 {2}\(--only groups lists them\)\n\n/);
  assert.match(text, /\nNONE FOUND\ninstalled packages, /);
  assert.match(print({ ...scan, found: { groups } }), /\ngroups: 30\nNAME /);
});

test("printScan: what could not be looked at comes before what was found", () => {
  const missed = Array.from({ length: 21 }, (_, i) => {
    return { what: `/srv/${i}`, code: "disk/damaged", reason: "Cannot read it." } as const;
  });
  const text = print({ ...scan, missed });
  assert.match(text, /\nNot all of it could be looked at, 21 missed: /);
  assert.match(text, /\nNOT LOOKED AT +REASON\n\/srv\/0 +Cannot read it\.\n/);
  assert.match(text, /\/srv\/19 .*\n… and 1 more/);
  assert.ok(text.indexOf("NOT LOOKED AT") < text.indexOf("groups: 30"));
});

test("printScan: fits a terminal, and leaves a row in its line elsewhere", () => {
  const narrow = print(scan, 100).split("\n");
  assert.ok(narrow.every((line) => line.length <= 100));
  assert.equal(print(scan).includes(schedule.command), true);
  const cells = narrow.slice(narrow.findIndex((line) => line.startsWith("cron"))).join("");
  for (const part of schedule.command.split(/[ /]/)) assert.ok(cells.includes(part), part);
});

test("printScan: what runs comes first, and packages in memory by how many are used", () => {
  const kernel = { release: "6.1.0-22-amd64", reason: "Another is installed." };
  const process = { pid: 7, name: "sshd", paths: [], runsOld: false, listening: [] };
  const deb = { type: "deb", package: "a" } as const;
  const end = { protocol: "tcp", address: "::", port: 22 };
  const text = print({
    ...scan,
    found: {
      ...scan.found,
      kernelStates: [
        { ...kernel, reboot: "needed", buildId: null, image: null, imageBy: null, next: null },
      ],
      outdatedPrograms: [],
      packageUses: [
        { ...deb, state: "mapped", processes: [process], count: 1 },
        { ...deb, state: "mapped", processes: [{ ...process, listening: [end] }], count: 1 },
        { ...deb, state: "not-loaded", programs: 1 },
        { ...deb, state: "unknown", reason: "No list of its files was read." },
      ],
    },
  });
  assert.match(text, /\nthe kernel that runs: 1\nRUNNING .*\n6\.1\.0-22-amd64 .* needed /);
  assert.match(
    text,
    /\npackages in memory: 2 of 4, 1 in processes that listen, 1 not known {2}\(--json lists them\)\n/,
  );
  assert.ok(text.indexOf("the kernel that runs") < text.indexOf("groups: 30"));
});
