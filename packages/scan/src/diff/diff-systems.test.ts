import assert from "node:assert/strict";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { MiB, milliseconds } from "@casemate/core";
import { type BlockReader, Qcow2Image } from "@casemate/formats/disk";
import { inventory } from "../inventory.ts";
import { diskOf, makeScratch, makeVolume, run } from "../system.fixture.ts";
import { diffSystems } from "./diff-systems.ts";
import { ReadTrace } from "./read-trace.ts";

const scratch = makeScratch();
const [base, changed] = [scratch.path("before"), scratch.path("after")];
const LARGE = Buffer.alloc(4 * MiB, "unchanged for long ");

const status = (tool: string, extra = "") =>
  `Package: tool\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${tool}\n\n${extra}`;
const gone = "Package: gone\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n";
const key = (name: string) =>
  `ssh-ed25519 ${Buffer.from(`\0\0\0\x0bssh-ed25519\0\0\0 ${name.padEnd(32)}`, "latin1").toString("base64")} ${name}\n`;

before(() => {
  const image = makeVolume({
    "etc/os-release": "ID=debian\nVERSION_ID=12\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/cron.d/job": "0 1 * * * root /bin/true\n",
    "var/lib/dpkg/status": status("1.9", gone),
    "root/.ssh/authorized_keys": key("one"),
    "usr/bin/tool": { mode: 0o755, contents: "tool\n" },
    "usr/bin/removed": "removed\n",
    "usr/lib/large": LARGE,
    "srv/old name": "moved, and of no other size\n",
    "srv/old place/kept": "kept\n",
    "srv/same": "same\n",
    "srv/link": { link: "same" },
  });
  writeFileSync(base, image);
  copyFileSync(base, changed);
  const put = (name: string, contents: string) => {
    writeFileSync(scratch.path(name), contents);
    return scratch.path(name);
  };
  debug([
    ...[
      "rm /etc/passwd",
      `write ${put("passwd", "root:x:0:0:root:/root:/bin/sh\nevil:x:0:0::/:/bin/sh\n")} /etc/passwd`,
    ],
    ...["rm /var/lib/dpkg/status", `write ${put("status", status("1.10"))} /var/lib/dpkg/status`],
    ...[
      "rm /root/.ssh/authorized_keys",
      `write ${put("keys", key("one") + key("two"))} /root/.ssh/authorized_keys`,
    ],
    "set_inode_field /usr/bin/tool mode 0104755",
    "set_inode_field /srv/same uid 5",
    "rm /usr/bin/removed",
    `write ${put("added", "added\n")} /usr/bin/added`,
    ...['ln "/srv/old name" "/srv/new name"', 'unlink "/srv/old name"'],
    ...['ln "/srv/old place" "/srv/new place"', 'unlink "/srv/old place"'],
    ...["rm /srv/link", "symlink /srv/link elsewhere"],
  ]);
});
after(() => scratch[Symbol.dispose]());

/** Changes the second state by e2fsprogs' own writer. */
function debug(requests: readonly string[]): void {
  const script = scratch.path("script");
  writeFileSync(script, requests.map((request) => `${request}\n`).join(""));
  run("debugfs", "-w", "-f", script, changed);
}

const budget = milliseconds(60_000);
const disk = (reader: BlockReader) => [{ name: "disk", reader }];

function diff(older: BlockReader, newer: BlockReader, trace?: ReadTrace) {
  const disks = { before: disk(older), after: disk(newer) };
  return diffSystems(disks, inventory, { budget, trace });
}

test("diffSystems: packages, users, keys, set-user-ID files and the files themselves", () => {
  const {
    before: old,
    after: fresh,
    changes,
    files,
  } = diff(diskOf(readFileSync(base)), diskOf(readFileSync(changed)));
  assert.deepEqual([...old.missed, ...fresh.missed], []);
  assert.deepEqual(
    changes.packages?.map((change) => [
      change.change,
      "before" in change && change.before.version,
      "after" in change && change.after.version,
    ]),
    [
      ["upgraded", "1.9", "1.10"],
      ["removed", "1", false],
    ],
  );
  assert.deepEqual(
    changes.users?.map((change) => [change.change, "after" in change && change.after.name]),
    [["added", "evil"]],
  );
  assert.deepEqual(
    changes.authorizedKeys?.map((change) => [
      change.change,
      "after" in change && change.after.comment,
    ]),
    [["added", "two"]],
  );
  assert.deepEqual(
    changes.privilegedFiles?.map((change) => [
      change.change,
      "after" in change && change.after.path,
    ]),
    [["added", "/usr/bin/tool"]],
  );
  assert.deepEqual(changes.schedules, []);
  assert.deepEqual(
    files?.map((file) => [
      file.change,
      file.path,
      file.change === "changed" ? file.differs.join() : file.change === "renamed" ? file.from : "",
    ]),
    [
      ["changed", "/etc/passwd", "contents"],
      ["changed", "/root/.ssh/authorized_keys", "contents"],
      ["changed", "/srv/link", "target"],
      ["renamed", "/srv/new name", "/srv/old name"],
      ["renamed", "/srv/new place", "/srv/old place"],
      ["changed", "/srv/same", "owner"],
      ["added", "/usr/bin/added", ""],
      ["removed", "/usr/bin/removed", ""],
      ["changed", "/usr/bin/tool", "mode"],
      ["changed", "/var/lib/dpkg/status", "contents"],
    ],
  );
});

test("diffSystems: nothing between a state and itself", () => {
  const disks = diskOf(readFileSync(base));
  const { changes, files } = diff(disks, disks);
  assert.ok(Object.values(changes).every((rows) => rows.length === 0));
  assert.deepEqual(files, []);
});

test("diffSystems: what two overlays share is not read, and what they do not share is", () => {
  const shared = scratch.path("shared.qcow2");
  run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", base, shared);
  run("qemu-img", "snapshot", "-c", "older", shared);
  const [olds, news] = [readFileSync(base), readFileSync(changed)];
  const cluster = 65_536;
  const writes: string[] = [];
  for (let at = 0; at < olds.length; at += cluster) {
    const part = news.subarray(at, at + cluster);
    if (part.equals(olds.subarray(at, at + cluster))) continue;
    writeFileSync(scratch.path(`cluster-${at}`), part);
    writes.push("-c", `write -s ${scratch.path(`cluster-${at}`)} ${at} ${part.length}`);
  }
  run("qemu-io", "-f", "qcow2", ...writes, shared);
  const bytes = readFileSync(shared);
  let read = 0;
  const counted: BlockReader = {
    size: bytes.length,
    read(offset, target) {
      read += target.length;
      target.set(bytes.subarray(offset, offset + target.length));
    },
  };
  const trace = new ReadTrace();
  const file = trace.through(counted, "shared");
  const older = new Qcow2Image(file, { snapshot: "older" });
  const traced = diff(older, new Qcow2Image(file), trace);
  const plain = diff(diskOf(olds), diskOf(news));
  assert.deepEqual(traced.files, plain.files);
  assert.deepEqual(traced.changes, plain.changes);
  const least = read;
  read = 0;
  diff(new Qcow2Image(file, { snapshot: "older" }), new Qcow2Image(file));
  assert.ok(read - least > 1.5 * LARGE.length, `${least} of ${read} bytes were read`);
});

test("diffSystems: without a system on one side nothing is compared, and it is said", () => {
  const {
    before: old,
    after: fresh,
    changes,
    files,
  } = diff(diskOf(readFileSync(base)), diskOf(Buffer.alloc(MiB)));
  assert.deepEqual(old.missed, []);
  assert.ok(fresh.missed.some(({ code }) => code === "disk/not-found"));
  assert.deepEqual(changes, {});
  assert.equal(files, undefined);
});
