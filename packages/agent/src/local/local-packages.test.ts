import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { bytes, MiB } from "@casemate/core";
import type { HostAgent } from "../host-agent.ts";
import type { PackageControl } from "../hypervisor/package-control.ts";
import { attachHost } from "../local-host.ts";

const run = promisify(execFile);
const machine: Parameters<PackageControl["export"]>[0]["machine"] = {
  ...{ name: "vm", memory: bytes(64 * MiB), vcpus: 2 },
  firmware: "efi",
  nics: [{ network: "default", model: "e1000e", mac: undefined }],
};
let scratch: string;
let outside: string;
let host: HostAgent;
let packages: PackageControl;
let ova: string;
let sha256: string;
const disks = () => [
  { path: join(scratch, "top.qcow2"), format: "qcow2", bus: "virtio" },
  { path: join(scratch, "raw.img"), format: "raw", bus: "sata" },
];

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-packages-"));
  outside = await mkdtemp(join(tmpdir(), "casemate-outside-"));
  host = await attachHost({ uri: "test:///default", directories: [scratch] });
  ({ packages } = host.hypervisor);
  const [top, raw] = disks();
  const base = join(scratch, "base.qcow2");
  await writeFile(raw?.path ?? "", Buffer.alloc(3 * MiB, "casemate "));
  await run("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw?.path ?? "", base]);
  const below = ["-b", base, "-F", "qcow2"];
  await run("qemu-img", ["create", "-q", "-f", "qcow2", ...below, top?.path ?? "", "8M"]);
  await run("qemu-io", ["-c", "write -P 7 5M 1M", top?.path ?? ""]);
  ova = join(scratch, "my vm.ova");
  ({ sha256 } = await packages.export({ path: ova, machine, disks: disks() }));
});

after(async () => {
  await host?.[Symbol.asyncDispose]();
  for (const directory of [scratch, outside]) {
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  }
});

/** A directory with the package's files, made by tar, some of them otherwise. */
async function unpacked(name: string, otherwise: Readonly<Record<string, string | Buffer>> = {}) {
  const directory = join(scratch, name);
  await mkdir(directory);
  await run("tar", ["-C", directory, "-xf", ova]);
  for (const [file, data] of Object.entries(otherwise))
    await writeFile(join(directory, file), data);
  return directory;
}

/** Packs files in this order as `tar` does. */
async function packed(directory: string, format: string, ...files: string[]): Promise<string> {
  const file = `${directory}-${format}.ova`;
  await run("tar", ["-C", directory, `--format=${format}`, "-cf", file, ...files]);
  return file;
}

const [descriptor, first, second, manifest] = [
  ...["my_vm.ovf", "my_vm-disk1.vmdk", "my_vm-disk2.vmdk", "my_vm.mf"],
] as const; // literals

/** The package's manifest, true of the files there. */
async function manifestOf(directory: string, algorithm: string): Promise<string> {
  const lines = [descriptor, first, second].map(async (name) => {
    const digest = createHash(algorithm).update(await readFile(join(directory, name)));
    return `${algorithm.toUpperCase()}(${name})= ${digest.digest("hex")}\n`;
  });
  return (await Promise.all(lines)).join("");
}

test("export: tar and sha256sum agree with it, and nothing else is left", async () => {
  const directory = await unpacked("whole");
  assert.equal((await run("sha256sum", [ova])).stdout.split(" ")[0], sha256);
  const { stdout } = await run("tar", ["-tf", ova]);
  assert.deepEqual(stdout.trim().split("\n"), [descriptor, first, second, manifest]);
  assert.equal(
    await readFile(join(directory, manifest), "utf8"),
    await manifestOf(directory, "sha256"),
  );
  for (const [index, { path, format }] of disks().entries()) {
    const vmdk = join(directory, index === 0 ? first : second);
    await run("qemu-img", ["compare", "-f", format, "-F", "vmdk", path, vmdk]);
    const head = (await readFile(vmdk)).toString("latin1", 0, 2048);
    assert.match(head, /createType="streamOptimized"/);
    assert.match(head, new RegExp(`SPARSE "my_vm-disk${index + 1}.vmdk"`));
  }
  const names = await readdir(scratch);
  assert.deepEqual(
    names.filter((name) => name.startsWith(".")),
    [],
  );
});

test("describe, extractDisk: what was exported comes back the same, packed or not", async () => {
  const directory = await unpacked("again");
  const loose = join(directory, descriptor);
  const gnu = await packed(directory, "gnu", descriptor, manifest, first, second);
  const described = await packages.describe(ova);
  assert.equal(described.manifest, "verified");
  assert.deepEqual(
    described.machine.disks.map(({ file, capacity, format, bus }) => [file, capacity, format, bus]),
    [
      [first, 8 * MiB, "vmdk", "virtio"],
      [second, 3 * MiB, "vmdk", "sata"],
    ],
  );
  const { disks: _, ...rest } = described.machine;
  assert.deepEqual(rest, machine);
  for (const [index, path] of [ova, loose, gnu].entries()) {
    assert.deepEqual(await packages.describe(path), described);
    for (const [disk, { path: original, format }] of disks().entries()) {
      const to = join(scratch, `back-${index}-${disk}.img`);
      const toFormat = index === 0 ? "raw" : "qcow2";
      const told: number[] = [];
      await packages.extractDisk(
        { path, file: disk === 0 ? first : second, to, toFormat },
        ({ done, total }) => told.push(done / (total ?? 1)),
      );
      await run("qemu-img", ["compare", "-f", format, "-F", toFormat, original, to]);
      assert.equal(told.at(-1), 1);
      assert.deepEqual(
        told,
        told.toSorted((a, b) => a - b),
      );
    }
  }
});

test("describe: SHA-1 and SHA-512 are verified too, and what is missing is told", async () => {
  const directory = await unpacked("digests");
  const file = join(directory, descriptor);
  const { sha256: before } = await packages.describe(file);
  for (const algorithm of ["sha1", "sha512"]) {
    const text = await manifestOf(directory, algorithm);
    await writeFile(join(directory, manifest), text);
    const described = await packages.describe(file);
    assert.deepEqual([described.manifest, described.sha256], ["verified", before]);
    const wrong = text.replace(/.$/m, (digit) => (digit === "0" ? "1" : "0"));
    await writeFile(join(directory, manifest), wrong);
    await assert.rejects(packages.describe(file), { code: "package/mismatch" });
    await writeFile(join(directory, manifest), text.replace(/^.*disk2.*\n/m, ""));
    await assert.rejects(packages.describe(file), { code: "package/mismatch" });
  }
  await rm(join(directory, manifest));
  assert.equal((await packages.describe(file)).manifest, "absent");
  const data = await readFile(join(directory, second));
  data[data.length - 2000] = (data[data.length - 2000] ?? 0) ^ 1;
  await writeFile(join(directory, second), data);
  assert.notEqual((await packages.describe(file)).sha256, before);
  await writeFile(join(directory, second), "short");
  await assert.rejects(packages.describe(file), { code: "package/mismatch" });
  await rm(join(directory, second));
  await assert.rejects(packages.describe(file), { code: "package/mismatch" });
});

test("describe, extractDisk: a flipped byte anywhere in a packed file is found", async () => {
  const file = join(scratch, "flipped.ova");
  const whole = await readFile(ova);
  for (const part of [0.1, 0.5, 0.9]) {
    const data = Buffer.from(whole);
    const at =
      data.indexOf("KDMV") + Math.floor((data.length - 8192 - data.indexOf("KDMV")) * part);
    data[at] = (data[at] ?? 0) ^ 4;
    await writeFile(file, data);
    await assert.rejects(packages.describe(file), ({ code }: { code?: string }) =>
      ["package/mismatch", "package/malformed"].includes(code ?? ""),
    );
  }
  for (const [bad, length] of [
    ["cut.ova", whole.length - 4096],
    ["empty.ova", 0],
  ] as const) {
    // literals
    await writeFile(join(scratch, bad), whole.subarray(0, length));
    await assert.rejects(packages.describe(join(scratch, bad)), { code: "package/malformed" });
  }
});

test("describe: another order, another's manifest, paths and links that lead out are refused", async () => {
  const directory = await unpacked("hostile");
  const malformed = { code: "package/malformed" };
  await assert.rejects(
    packages.describe(await packed(directory, "gnu", first, descriptor, second)),
    malformed,
  );
  await writeFile(join(directory, "other.mf"), "");
  await assert.rejects(
    packages.describe(await packed(directory, "ustar", descriptor, first, second, "other.mf")),
    malformed,
  );
  await rm(join(directory, manifest));
  const disk = join(directory, second);
  await writeFile(join(outside, "secret"), await readFile(disk));
  await rm(disk);
  await symlink(join(outside, "secret"), disk);
  const file = join(directory, descriptor);
  await assert.rejects(packages.describe(file), { code: "storage/outside" });
  await rm(disk);
  await run("mkfifo", [disk]);
  await assert.rejects(packages.describe(file), malformed);
  await assert.rejects(packages.describe("/etc/passwd.ovf"), { code: "storage/outside" });
  await assert.rejects(packages.describe(join(scratch, "none.ova")), { code: "storage/unknown" });
});

test("extractDisk: images that name other files or are bigger than described are refused", async () => {
  const raw = join(scratch, "raw.img");
  const make = async (name: string, format: string, ...more: string[]): Promise<Buffer> => {
    const file = join(outside, name);
    await run("qemu-img", ["create", "-q", "-f", format, ...more, file, "8M"]);
    return await readFile(file);
  };
  const flat = await make("flat", "vmdk", "-o", "subformat=monolithicFlat");
  const big = await make("big", "vmdk", "-o", "subformat=streamOptimized");
  const backed = await make("backed", "qcow2", "-b", raw, "-F", "raw");
  // QEMU looks for a parent where the descriptor mostly is, whatever the header says.
  const child = Buffer.from(big);
  const text = child.toString("latin1", 512, 512 + 10_240).replace(/\0+$/, "");
  child.fill(0, 512, 512 + 10_240);
  child.write(text.replace("createType", `parentFileNameHint="${raw}"\ncreateType`), 512, "latin1");
  child.writeBigUInt64LE(100n, 28);
  const cases: readonly (readonly [string, Buffer, string, RegExp])[] = [
    ["flat", flat, "vmdk", /names other files/],
    ["child", child, "vmdk", /rests on a parent/],
    ["big", big, "vmdk", /disk of 8388608 bytes/],
    ["backed", backed, "qcow", /rests on another/],
    ["unknown", flat, "vhd", /format unknown/],
  ];
  for (const [name, data, format, message] of cases) {
    const directory = await unpacked(`image-${name}`, { [second]: data });
    const file = join(directory, descriptor);
    const told = await readFile(file, "utf8");
    const changed = told
      .replace(/(disk2.vmdk"[^>]*ovf:size=")\d+/, `$1${data.length}`)
      .replaceAll("vmdk.html#streamOptimized", format);
    await writeFile(file, changed);
    await writeFile(join(directory, manifest), await manifestOf(directory, "sha256"));
    const tar = await packed(directory, "ustar", descriptor, first, second, manifest);
    for (const path of [file, tar]) {
      assert.equal((await packages.describe(path)).manifest, "verified");
      const to = join(scratch, `refused-${name}`);
      await assert.rejects(packages.extractDisk({ path, file: second, to, toFormat: "qcow2" }), {
        code: "image/refused",
        message,
      });
    }
  }
  assert.deepEqual(
    (await readdir(scratch)).filter((name) => /refused|partial/.test(name)),
    [],
  );
});

test("extractDisk: takes qcow2 and raw images out of packages too", async () => {
  const [top, raw] = disks();
  const whole = join(outside, "whole.qcow2");
  await run("qemu-img", ["convert", "-c", "-O", "qcow2", top?.path ?? "", whole]);
  for (const [format, image, file, original] of [
    ["qcow2", await readFile(whole), first, whole],
    ["raw", await readFile(raw?.path ?? ""), second, raw?.path ?? ""],
  ] as const) {
    // literals
    const directory = await unpacked(`format-${format}`, { [file]: image });
    await rm(join(directory, manifest));
    const path = join(directory, descriptor);
    const told = await readFile(path, "utf8");
    const changed = told
      .replace(/ ovf:size="\d+"/g, "")
      .replaceAll(
        /http:[^"]*vmdk.html#streamOptimized/g,
        format === "raw" ? "urn:raw" : "urn:qcow2",
      );
    await writeFile(path, changed);
    const tar = await packed(directory, "pax", descriptor, first, second);
    for (const [index, from] of [path, tar].entries()) {
      const to = join(scratch, `taken-${format}-${index}`);
      await packages.extractDisk({ path: from, file, to, toFormat: "qcow2" });
      await run("qemu-img", ["compare", "-f", format, "-F", "qcow2", original, to]);
    }
  }
});

test("export, extractDisk: cancelled or refused they leave nothing", async () => {
  const before = (await readdir(scratch)).toSorted();
  const path = join(scratch, "half.ova");
  for (const at of [0, 0.7, 0.99]) {
    const stop = new AbortController();
    const onProgress = ({ done, total }: { done: number; total: number | undefined }) => {
      if (done / (total ?? 1) >= at) stop.abort();
    };
    await assert.rejects(
      packages.export({ path, machine, disks: disks() }, onProgress, stop.signal),
      { code: "cancelled" },
    );
    const to = join(scratch, "half.qcow2");
    await assert.rejects(
      packages.extractDisk(
        { path: ova, file: first, to, toFormat: "qcow2" },
        onProgress,
        stop.signal,
      ),
      { code: "cancelled" },
    );
  }
  await assert.rejects(packages.describe(ova, undefined, AbortSignal.abort()), {
    code: "cancelled",
  });
  await assert.rejects(packages.export({ path: ova, machine, disks: disks() }), {
    code: "storage/exists",
  });
  await assert.rejects(packages.export({ path: join(outside, "a.ova"), machine, disks: disks() }), {
    code: "storage/outside",
  });
  await assert.rejects(
    packages.extractDisk({ path: ova, file: "none", to: path, toFormat: "raw" }),
    { code: "package/mismatch" },
  );
  assert.deepEqual((await readdir(scratch)).toSorted(), before);
});
