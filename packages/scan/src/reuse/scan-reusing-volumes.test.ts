import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { milliseconds } from "@casemate/core";
import { type BlockReader, BytesReader } from "@casemate/formats/disk";
import fc from "fast-check";
import { type InventoryRows, inventory, inventorySections } from "../inventory.ts";
import { scanSystem } from "../scan.ts";
import { makeScratch, makeVolume, run } from "../system.fixture.ts";
import { makeOverlay } from "./overlay.fixture.ts";
import { type DiskLayer, type LayeredDisk, scanReusing } from "./scan-reusing.ts";

const budget = milliseconds(600_000);
const only = inventorySections.filter((name) => name !== "malware");

const pem = (letter: string) =>
  `-----BEGIN OPENSSH PRIVATE KEY-----\n${letter.repeat(200)}\n-----END OPENSSH PRIVATE KEY-----\n`;
const package_ = (name: string) =>
  `Package: ${name}\nStatus: install ok installed\nVersion: 1.0\nArchitecture: amd64\n`;
const FILES: Readonly<Record<string, string>> = {
  "etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
  "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
  "etc/crontab": "* * * * * root true\n",
  "var/lib/dpkg/status": [package_("one"), package_("two")].join("\n"),
  "usr/lib/python3/dist-packages/one-1.dist-info/METADATA": "Name: one\nVersion: 1\n",
  "usr/lib/modules/6.1/kernel/a.ko": "module",
  "root/key": pem("A"),
  "root/large": "line of a file\n".repeat(5_000),
};

/** Keeps what is put into it for as long as a test takes. */
function makeStore() {
  const kept = new Map<string, Uint8Array>();
  return {
    get: (key: string) => kept.get(key),
    put: (key: string, value: Uint8Array) => void kept.set(key, value),
  };
}

/** The same of a whole scan of disks and of one that goes by what is below them. */
function assertSame(disks: readonly (readonly [BlockReader, ...BlockReader[]])[]) {
  const tops = disks.map(([reader], i) => ({ name: `disk ${i + 1}`, reader }));
  const whole = scanSystem<InventoryRows>(tops, inventory, { budget, only });
  const layered = disks.map(([top, ...below], i): LayeredDisk => {
    const layer = (reader: BlockReader, depth: number): DiskLayer => ({
      reader,
      identity: `${i}-${depth}`,
    });
    const layers = [layer(top, 0), ...below.map((each, at) => layer(each, at + 1))] as const;
    return { name: `disk ${i + 1}`, layers };
  });
  const options = { budget, only, scanner: "test", store: makeStore() };
  const reused = scanReusing<InventoryRows>(layered, inventory, options);
  assert.equal(JSON.stringify(reused, null, 1), JSON.stringify(whole, null, 1));
  return whole;
}

/** Bytes written to where there are some. */
const writesTo = (base: Buffer) => {
  const used = [...Array(base.length / 1024).keys()].filter((block) =>
    base.subarray(block * 1024, block * 1024 + 1024).some((byte) => byte !== 0),
  );
  const write = fc.record({
    at: fc.tuple(fc.nat(used.length - 1), fc.nat(1023)),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 600 }),
  });
  return fc.array(write, { minLength: 1, maxLength: 3 }).map((writes) => {
    const changed = Buffer.from(base);
    for (const { at, bytes } of writes) {
      const [index, within] = at;
      changed.set(bytes, Math.min((used[index] ?? 0) * 1024 + within, base.length - 600));
    }
    return changed;
  });
};

/** A file system of XFS with `files`; two of them have the same identifier. */
function makeXfs(files: Readonly<Record<string, string>>): Buffer {
  using scratch = makeScratch();
  const directories = new Map<string, string[]>([["", []]]);
  const childrenOf = (path: string): string[] => {
    const known = directories.get(path);
    if (known !== undefined) return known;
    const children: string[] = [];
    directories.set(path, children);
    childrenOf(parentOf(path)).push(path);
    return children;
  };
  for (const [path, contents] of Object.entries(files)) {
    const file = scratch.path("tree", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, contents);
    childrenOf(parentOf(path)).push(path);
  }
  const list = (path: string): readonly string[] =>
    (directories.get(path) ?? []).flatMap((each) => {
      const name = each.slice(each.lastIndexOf("/") + 1);
      if (!directories.has(each)) return [`${name} ---644 0 0 ${scratch.path("tree", each)}`];
      return [`${name} d--755 0 0`, ...list(each), "$"];
    });
  const proto = scratch.path("proto");
  writeFileSync(proto, `${["-", "0 0", "d--755 0 0", ...list(""), "$"].join("\n")}\n`);
  const image = scratch.path("image");
  run(
    ...["mkfs.xfs", "--unsupported", "-q", "-m", "uuid=5ca5e3a7-f011-4000-8000-000000000002"],
    ...["-d", `file,name=${image},size=16m,agcount=1`, "-p", proto],
  );
  return readFileSync(image);
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));

test("scanReusing: XFS, with files changed, added and taken away, and with anything written into it", () => {
  const base = makeXfs(FILES);
  const reader = new BytesReader(base);
  const { "etc/crontab": _, ...others } = FILES;
  const changed = {
    ...others,
    "var/lib/dpkg/status": package_("three"),
    "root/key": pem("B"),
    "root/other": pem("C"),
  };
  const whole = assertSame([[makeOverlay(makeXfs(changed), base, reader), reader]]);
  assert.deepEqual(whole.found.packages?.map(({ name }) => name).sort(), ["one", "three"]);
  assert.equal(whole.found.schedules?.length, 0);
  assert.equal(whole.found.secrets?.length, 2);
  fc.assert(
    fc.property(writesTo(base), (written) => {
      assertSame([[makeOverlay(written, base, reader), reader]]);
    }),
    { numRuns: 12, seed: 1 },
  );
});

test("scanReusing: FAT beside the root, with files changed, added and taken away, and anything written into it", () => {
  using scratch = makeScratch();
  const image = scratch.path("efi");
  const root = new BytesReader(
    makeVolume({
      ...FILES,
      "etc/fstab": "UUID=CAFE-1234 /boot/efi vfat defaults 0 2\n",
      "boot/efi": { directory: true },
    }),
  );
  for (const [name, contents] of [
    ["a", pem("E")],
    ["b", "no key"],
    ["c", pem("F")],
  ] as const) {
    writeFileSync(scratch.path(name), contents);
  }
  run("mkfs.fat", "-C", "-i", "cafe1234", image, "4096");
  run("mmd", "-i", image, "::/EFI");
  run("mcopy", "-i", image, scratch.path("a"), "::/EFI/a");
  run("mcopy", "-i", image, scratch.path("b"), "::/EFI/b");
  const base = readFileSync(image);
  const below = new BytesReader(base);
  run("mdel", "-i", image, "::/EFI/b");
  run("mcopy", "-i", image, scratch.path("c"), "::/EFI/c");
  const overlay = makeOverlay(readFileSync(image), base, below);
  const whole = assertSame([
    [root, root],
    [overlay, below],
  ]);
  const paths = whole.found.secrets?.map(({ path }) => path).sort();
  assert.deepEqual(paths, ["/boot/efi/EFI/a", "/boot/efi/EFI/c", "/root/key"]);
  fc.assert(
    fc.property(writesTo(base), (written) => {
      assertSame([
        [root, root],
        [makeOverlay(written, base, below), below],
      ]);
    }),
    { numRuns: 12, seed: 2 },
  );
});
