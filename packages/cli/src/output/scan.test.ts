import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import type { DiskScan } from "@casemate/agent/scan-disks";
import type { InventoryRows } from "@casemate/scan";
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
const scan: DiskScan<InventoryRows> = {
  subject: "web01.qcow2",
  takenAt: new Date(0),
  os: { id: "debian", prettyName: "Debian GNU/Linux 12 (bookworm)", idLike: [] },
  volumes: [],
  coverage: { volumes: { read: 1, total: 1 }, bytes: { read: 1024, total: 1024 } },
  missed: [],
  found: { ...nothing, groups, schedules: [schedule] },
};

/** What a terminal of that many columns gets; without, what a pipe does. */
function print(printed: DiskScan<InventoryRows>, columns?: number): string {
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
