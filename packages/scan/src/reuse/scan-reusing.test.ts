import assert from "node:assert/strict";
import { test } from "node:test";
import { milliseconds } from "@casemate/core";
import { type BlockReader, BytesReader } from "@casemate/formats/disk";
import fc from "fast-check";
import type { Collector } from "../collector.ts";
import { type InventoryRows, inventory, inventorySections } from "../inventory.ts";
import { scanSystem } from "../scan.ts";
import { type MadeFile, makeVolume } from "../system.fixture.ts";
import { editVolume, makeOverlay } from "./overlay.fixture.ts";
import { type DiskLayer, scanReusing } from "./scan-reusing.ts";

const budget = milliseconds(600_000);
const scanner = "test";
const only = inventorySections.filter((name) => name !== "malware");

const STATUS = (names: readonly string[]) =>
  names
    .map(
      (name) =>
        `Package: ${name}\nStatus: install ok installed\nVersion: 1.0\nArchitecture: amd64\n`,
    )
    .join("\n");
const PYTHON = "/usr/lib/python3/dist-packages";
const FILES: Readonly<Record<string, MadeFile>> = {
  "etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
  "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
  "etc/shadow": "root:$6$aaaa$bbbb:19000::::::\n",
  "etc/crontab": "* * * * * root true\n",
  "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
  "var/lib/dpkg/status": STATUS(["one", "two"]),
  "var/lib/dpkg/info/one.list": `/usr/bin/one\n${PYTHON}/one-1.dist-info/METADATA\n`,
  "var/lib/dpkg/info/one.md5sums": "d41d8cd98f00b204e9800998ecf8427e  usr/bin/one\n",
  "usr/lib/python3/dist-packages/one-1.dist-info/METADATA": "Name: one\nVersion: 1\n",
  "usr/lib/python3/dist-packages/new-1.dist-info/METADATA": "Name: new\nVersion: 1\n",
  "usr/bin/one": { mode: 0o4755, contents: "#!/bin/sh\n" },
  "usr/bin/other": { mode: 0o755, contents: "x".repeat(70_000) },
  "usr/lib/modules/6.1/kernel/a.ko": "module",
  "usr/lib/modules/6.1/kernel/b.ko": "module",
  "root/.ssh/authorized_keys": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== root@here\n",
  "root/notes.txt": `aws_access_key_id = AKIA${"Q".repeat(16)}\n`,
  "opt/some.pem": "no certificate",
  "boot/vmlinuz-6.1": "kernel",
};
const PATHS = Object.keys(FILES).map((path) => `/${path}`);
const NEW = [
  "/etc/new.pem",
  "/opt/a",
  "/root/.netrc",
  "/usr/bin/new",
  "/usr/lib/modules/6.1/kernel/c.ko",
];

/** Counts what it keeps. */
function makeStore() {
  const kept = new Map<string, Uint8Array>();
  return {
    kept,
    get: (key: string) => kept.get(key),
    put: (key: string, value: Uint8Array) => {
      kept.set(key, value);
    },
  };
}

/** The same of a whole scan and of one that goes by what is below. */
function assertSame(layers: readonly BlockReader[], store = makeStore(), name = "top") {
  const [top = new BytesReader(Buffer.alloc(0))] = layers;
  const whole = scanSystem<InventoryRows>([{ name: "disk", reader: top }], inventory, {
    budget,
    only,
  });
  const named = layers.map((reader, i): DiskLayer => {
    const depth = layers.length - i;
    return { reader, identity: `${i === 0 ? name : "below"}-${depth}` };
  });
  const [first = { reader: top, identity: undefined }, ...below] = named;
  const disk = { name: "disk", layers: [first, ...below] as const };
  const reused = scanReusing<InventoryRows>([disk], inventory, { budget, only, scanner, store });
  assert.equal(JSON.stringify(reused, null, 1), JSON.stringify(whole, null, 1));
  return { whole, store };
}

const base = makeVolume(FILES, { sizeMiB: 8 });
const baseReader = new BytesReader(base);
const store = makeStore();

const path = fc.constantFrom(...PATHS);
const fresh = fc.constantFrom(...NEW);
const contents = fc.constantFrom(
  Buffer.from("x"),
  Buffer.from(STATUS(["one", "three"])),
  Buffer.alloc(30_000, "line of a file\n"),
  Buffer.from(
    `-----BEGIN OPENSSH PRIVATE KEY-----\n${"A".repeat(200)}\n-----END OPENSSH PRIVATE KEY-----\n`,
  ),
);
/** What a system's users do, by the tool of those who made the file system. */
const edit = fc.oneof(
  fc.record({ command: fresh.map((to) => `write @FILE ${to}`), file: contents }),
  fc.record({ command: path.map((at) => `rm ${at}`), file: contents }),
  fc.record({
    command: fc.tuple(path, fresh).map(([from, to]) => `ln ${from} ${to}`),
    file: contents,
  }),
  fc.record({ command: fresh.map((at) => `symlink ${at} /etc/passwd`), file: contents }),
  fc.record({ command: path.map((at) => `sif ${at} mode 0104755`), file: contents }),
  fc.record({ command: path.map((at) => `sif ${at} mtime 20250101`), file: contents }),
  fc.record({ command: fc.constant("mkdir /opt/directory"), file: contents }),
  fc.record({
    command: path.map((at) => `rm ${at}\nwrite @FILE ${at}`),
    file: contents,
  }),
);

function apply(volume: Buffer, edits: readonly { command: string; file: Buffer }[]): Buffer {
  return editVolume(
    volume,
    edits.map(({ command }, i) => command.replaceAll("@FILE", `@${i}`)),
    edits.map(({ file }) => file),
  );
}

test("scanReusing: finds in any edited overlay what a whole scan finds", () => {
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 5 }), (edits) => {
      const overlay = makeOverlay(apply(base, edits), base, baseReader);
      assertSame([overlay, baseReader], store, JSON.stringify(edits));
    }),
    { numRuns: 12, seed: 1 },
  );
});

test("scanReusing: finds in any overlay over an overlay what a whole scan finds", () => {
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), edit, (first, second) => {
      const middle = apply(base, first);
      const top = apply(middle, [second]);
      const below = makeOverlay(middle, base, baseReader);
      assertSame([makeOverlay(top, middle, below), below, baseReader]);
    }),
    { numRuns: 5, seed: 2 },
  );
});

test("scanReusing: finds in any overlay that somebody wrote anything into what a whole scan finds", () => {
  const used = [...Array(base.length / 1024).keys()].filter((block) =>
    base.subarray(block * 1024, block * 1024 + 1024).some((byte) => byte !== 0),
  );
  const write = fc.record({
    block: fc.nat(used.length - 1).map((index) => used[index] ?? 0),
    at: fc.nat(1023),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 600 }),
  });
  fc.assert(
    fc.property(fc.array(write, { minLength: 1, maxLength: 4 }), (writes) => {
      const changed = Buffer.from(base);
      for (const { block, at, bytes } of writes)
        changed.set(bytes, Math.min(block * 1024 + at, base.length - 600));
      const overlay = makeOverlay(changed, base, baseReader);
      assertSame([overlay, baseReader], store, JSON.stringify(writes));
    }),
    { numRuns: 25, seed: 3 },
  );
});

test("scanReusing: finds what only the journals of an overlay and of its base have", () => {
  const edited = apply(base, [
    { command: "rm /etc/crontab", file: Buffer.alloc(0) },
    { command: "write @FILE /opt/a.pem", file: Buffer.from("x") },
    { command: "sif /usr/bin/one mode 0100755", file: Buffer.alloc(0) },
  ]);
  const blocks = [...Array(base.length / 1024).keys()].filter((block) => {
    const [from, to] = [block * 1024, block * 1024 + 1024];
    return block > 1 && !base.subarray(from, to).equals(edited.subarray(from, to));
  });
  const log = (numbers: readonly number[]) =>
    editVolume(
      base,
      ["jo", ...numbers.map((block, i) => `jw -b ${block} @${i}`), "jc"],
      numbers.map((block) => edited.subarray(block * 1024, block * 1024 + 1024)),
    );
  const dirty = log(blocks);
  const dirtyReader = new BytesReader(dirty);
  const overlay = makeOverlay(dirty, base, baseReader);
  const { whole } = assertSame([overlay, baseReader]);
  assert.equal(whole.found.schedules?.length, 0);
  assertSame([makeOverlay(edited, dirty, dirtyReader), dirtyReader]);
  assertSame([makeOverlay(log(blocks.slice(0, 1)), dirty, dirtyReader), dirtyReader]);
});

test("scanReusing: another file of the same name, another place of inodes, another checksum seed", () => {
  for (const commands of [
    [
      "unlink /usr/lib/modules/6.1/kernel/a.ko",
      "ln /opt/some.pem /usr/lib/modules/6.1/kernel/a.ko",
    ],
    ["set_bg 0 inode_table 1000", "set_bg 0 checksum calc"],
    ["ssv uuid random"],
    ["ssv volume_name other"],
  ]) {
    const overlay = makeOverlay(editVolume(base, commands, []), base, baseReader);
    assertSame([overlay, baseReader], store, commands.join());
  }
});

test("scanReusing: a package's owner is told anew where only the list of its files is another", () => {
  const list = "/var/lib/dpkg/info/one.list";
  const edited = apply(base, [
    {
      command: `rm ${list}\nwrite @FILE ${list}`,
      file: Buffer.from(`${PYTHON}/new-1.dist-info/METADATA\n`),
    },
  ]);
  const { whole } = assertSame([makeOverlay(edited, base, baseReader), baseReader], store, "list");
  const owned = (whole.found.packages ?? []).filter(({ partOf }) => partOf === "deb/one");
  assert.deepEqual(
    owned.map(({ name }) => name),
    ["new"],
  );
});

test("scanReusing: names that led nowhere and now lead somewhere, or elsewhere than before", () => {
  const list = Buffer.from("/usr/bin/other\n");
  for (const [command, file] of [
    ["write @FILE /etc/anacrontab", Buffer.from("1 5 daily true\n")],
    ["mkdir /etc/cron.d\nwrite @FILE /etc/cron.d/new", Buffer.from("@daily root true\n")],
    ["unlink /etc/crontab\nsymlink /etc/crontab machine-id", list],
    ["unlink /var/lib/dpkg\nsymlink /var/lib/dpkg info\nmkdir /var/lib/info", list],
    [
      "unlink /var/lib/dpkg/info\nmkdir /var/lib/dpkg/info\nwrite @FILE /var/lib/dpkg/info/two.list",
      list,
    ],
    [
      "unlink /var/lib/dpkg\nmkdir /var/lib/dpkg\nwrite @FILE /var/lib/dpkg/status",
      Buffer.from(STATUS(["three"])),
    ],
    ["ln /opt/some.pem /var/lib/dpkg/diversions\nwrite @FILE /usr/bin/new", list],
  ] as const) {
    const overlay = makeOverlay(apply(base, [{ command, file }]), base, baseReader);
    assertSame([overlay, baseReader], store, command);
  }
});

test("scanReusing: what goes by names is not done again where others come beside them", () => {
  const done: string[] = [];
  const noting = <Row extends object>(collector: Collector<Row>): Collector<Row> => ({
    id: collector.id,
    collect(look) {
      done.push(collector.id);
      return collector.collect(look);
    },
  });
  const sections = {
    users: { ...inventory.users, collectors: (inventory.users.collectors ?? []).map(noting) },
    packages: {
      ...inventory.packages,
      collectors: (inventory.packages.collectors ?? []).map(noting),
    },
  };
  const own = makeStore();
  const scan = (layers: readonly [DiskLayer, ...DiskLayer[]]) =>
    scanReusing<Pick<InventoryRows, "users" | "packages">>([{ name: "", layers }], sections, {
      ...{ budget, scanner, store: own },
    });
  const below = { reader: baseReader, identity: "below" };
  const edited = (at: string, name: string) => {
    const file = Buffer.from("root:x:0:0::/root:/bin/false\n");
    const edits = [{ command: `rm ${at}\nwrite @FILE ${at}`, file }];
    return { reader: makeOverlay(apply(base, edits), base, baseReader), identity: name };
  };
  scan([edited("/etc/new", "first"), below]);
  assert.deepEqual(done.splice(0).sort(), [
    "packages/apk",
    "packages/dpkg",
    "packages/rpm",
    "users/passwd",
  ]);
  scan([edited("/var/lib/new", "second"), below]);
  assert.deepEqual(done.splice(0), []);
  const { found } = scan([edited("/etc/passwd", "third"), below]);
  assert.deepEqual(done.splice(0), ["users/passwd"]);
  assert.equal(found.users?.[0]?.shell, "/bin/false");
});

test("scanReusing: an overlay without changes costs nothing, one with some what they are of", () => {
  const counting = { reads: 0 };
  const counted: BlockReader = {
    size: base.length,
    read(offset, target) {
      counting.reads += target.length;
      baseReader.read(offset, target);
    },
  };
  const own = makeStore();
  const clone = (bytes: Buffer) => makeOverlay(bytes, base, new BytesReader(base));
  assertSame([clone(base), counted], own, "first");
  assert.ok(counting.reads > 0);
  counting.reads = 0;
  const [result] = own.kept.values();
  const layers = [
    { reader: clone(base), identity: undefined },
    { reader: counted, identity: "below-1" },
  ] as const;
  const options = { budget, only, scanner, store: own };
  const reused = scanReusing<InventoryRows>([{ name: "", layers }], inventory, options);
  assert.equal(counting.reads, 0);
  assert.equal(JSON.stringify(reused), Buffer.from(result ?? []).toString());
});

test("scanReusing: keeps nothing of what was not done to its end, or is written to", () => {
  for (const broken of [{ budget: milliseconds(0) }, { isSettled: () => false }]) {
    const own = makeStore();
    const layers = [{ reader: baseReader, identity: "base" }] as const;
    const options = { budget, only, scanner, store: own, ...broken };
    scanReusing<InventoryRows>([{ name: "", layers }], inventory, options);
    assert.equal(own.kept.size, 0);
  }
});
