import assert from "node:assert/strict";
import { createCipheriv, createHash } from "node:crypto";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { BytesReader } from "../bytes-reader.ts";
import { makeScratch, openFile, readAll, run } from "../disk.fixture.ts";
import { formatLuksHeader, readLuksHeader } from "./luks-header.ts";
import { openLuks } from "./open-luks.ts";

const MIB = 1024 * 1024;
const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());

const passphrase = "correct horse, größer";
const keyFile = scratch.path("key");
writeFileSync(keyFile, passphrase);
const clear = Buffer.from(Array.from({ length: MIB }, (_, at) => Math.imul(at, 0x9e37) >>> 7));
const clearFile = scratch.path("clear");
writeFileSync(clearFile, clear);

const quick = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];

/** A volume as cryptsetup makes it, with nothing in it yet. */
function format(size: number, ...options: readonly string[]): string {
  const image = scratch.path("volume.img");
  writeFileSync(image, "");
  truncateSync(image, size);
  run("cryptsetup", "luksFormat", "-q", ...options, "--key-file", keyFile, image);
  return image;
}

/** QEMU's own LUKS1 writes the data. */
function fill(image: string): void {
  const target = `driver=luks,key-secret=key,file.filename=${image}`;
  const secret = `secret,id=key,file=${keyFile}`;
  run(
    ...(["qemu-img", "convert", "-n", "-f", "raw", "--object", secret] as const),
    ...["--target-image-opts", clearFile, target],
  );
}

const ciphers = [
  ["aes-xts-plain64", "512", "sha256"],
  ["aes-xts-plain64", "256", "sha512"],
  ["aes-xts-plain", "512", "sha1"],
  ["aes-cbc-essiv:sha256", "256", "sha256"],
  ["aes-cbc-plain64", "128", "ripemd160"],
] as const;

for (const [cipher, keySize, hash] of ciphers) {
  test(`openLuks: LUKS1, ${cipher} of ${keySize} bits, ${hash}, as QEMU encrypts it`, () => {
    const options = ["-c", cipher, "-s", keySize, "-h", hash, ...quick];
    const image = format(4 * MIB, "--type", "luks1", ...options);
    fill(image);
    using file = openFile(image);
    const header = readLuksHeader(file);
    assert.equal(formatLuksHeader(header), `LUKS1, ${cipher}, 1 keyslot`);
    assert.equal(header.uuid, run("cryptsetup", "luksUUID", image).trim());
    const disk = openLuks(file, { passphrase });
    assert.ok(readAll(disk, 100_003).subarray(0, MIB).equals(clear));
    assert.throws(() => openLuks(file, { passphrase: "wrong" }), { code: "disk/encrypted" });
  });
}

test("openLuks: LUKS2 converted from LUKS1, its second header, and several keyslots", () => {
  const image = format(4 * MIB, "--type", "luks1", ...quick);
  fill(image);
  run("cryptsetup", "convert", "-q", "--type", "luks2", image);
  const other = scratch.path("other-key");
  writeFileSync(other, "another passphrase");
  const add = ["luksAddKey", "-q", ...quick, "--key-file", keyFile, image, other];
  run("cryptsetup", ...add);
  const bytes = readFileSync(image);
  for (const damage of [undefined, 5000]) {
    if (damage !== undefined) bytes.writeUInt8(bytes.readUInt8(damage) ^ 1, damage);
    const volume = new BytesReader(bytes);
    assert.equal(formatLuksHeader(readLuksHeader(volume)), "LUKS2, aes-xts-plain64, 2 keyslots");
    for (const key of [passphrase, Buffer.from("another passphrase")]) {
      const disk = openLuks(volume, { passphrase: key });
      assert.ok(readAll(disk).subarray(0, MIB).equals(clear));
    }
  }
});

for (const type of ["argon2id", "argon2i"]) {
  test(`openLuks: LUKS2, ${type}, sectors of 4 KiB, by passphrase and by volume key`, () => {
    const cost = ["--pbkdf", type, "--pbkdf-force-iterations", "4", "--pbkdf-memory", "32768"];
    const small = ["--luks2-keyslots-size", "512k", "--sector-size", "4096"];
    const image = format(4 * MIB, "--type", "luks2", ...cost, ...small);
    const dumped = scratch.path(`volume-key of ${type}`);
    const dump = ["luksDump", "-q", "--dump-volume-key", "--volume-key-file", dumped];
    run("cryptsetup", ...dump, "--key-file", keyFile, image);
    const volumeKey = readFileSync(dumped);
    const bytes = readFileSync(image);
    const { segment } = readLuksHeader(new BytesReader(bytes));
    assert.equal(segment.sectorSize, 4096);
    // Sectors are counted in 512 bytes, whatever their size.
    for (let at = 0; at < MIB; at += 4096) {
      const iv = Buffer.alloc(16);
      iv.writeUInt32LE(at / 512);
      const cipher = createCipheriv("aes-256-xts", volumeKey, iv);
      cipher.update(clear.subarray(at, at + 4096)).copy(bytes, segment.offset + at);
    }
    const volume = new BytesReader(bytes);
    for (const key of [{ passphrase }, { volumeKey }]) {
      assert.ok(readAll(openLuks(volume, key), 10_001).subarray(0, MIB).equals(clear));
    }
    const wrong = { volumeKey: Buffer.alloc(64) };
    assert.throws(() => openLuks(volume, wrong), { code: "disk/encrypted" });
  });
}

/** A sound LUKS2 volume, and a way to say other things in its metadata. */
function makeLuks2() {
  const image = format(4 * MIB, "--type", "luks2", ...quick, "--luks2-keyslots-size", "512k");
  const sound = readFileSync(image);
  const size = Number(sound.readBigUInt64BE(8));
  return (change: (text: string) => string): BytesReader => {
    const bytes = Buffer.from(sound);
    const text = sound.toString("utf8", 4096, size).replace(/\0.*$/s, "");
    bytes.fill(0, 4096, size);
    bytes.write(change(text), 4096);
    bytes.fill(0, 448, 512);
    createHash("sha256").update(bytes.subarray(0, size)).digest().copy(bytes, 448);
    bytes.fill(0, size, 2 * size); // no second header
    return new BytesReader(bytes);
  };
}

test("readLuksHeader: LUKS2 metadata that no tool writes", () => {
  const volume = makeLuks2();
  const read = (change: (text: string) => string) => () => readLuksHeader(volume(change));
  assert.equal(read((text) => text)().keyslots.length, 1);
  const cases: readonly (readonly [
    what: string,
    from: string | RegExp,
    to: string,
    code: string,
  ])[] = [
    ["no JSON", "{", "", "disk/damaged"],
    ["JSON without end", /^/, "[".repeat(3000), "disk/damaged"],
    ["a text for all", /^.*$/s, '"text"', "disk/damaged"],
    ["a key of 1 GiB", /"key_size":64/, '"key_size":1073741824', "disk/damaged"],
    ["a key of -1 byte", /"key_size":64/, '"key_size":-1', "disk/damaged"],
    ["billions of stripes", /"stripes":4000/, '"stripes":4000000000', "disk/damaged"],
    [
      "a keyslot beyond any disk",
      /"offset":"32768"/,
      '"offset":"99999999999999999999"',
      "disk/damaged",
    ],
    ["years of rounds", /"iterations":1000/, '"iterations":4294967295', "disk/unsupported"],
    [
      "a TiB of memory",
      /"type":"pbkdf2","hash":"sha256","iterations":1000/,
      '"type":"argon2id","time":4,"memory":1073741824,"cpus":1',
      "disk/unsupported",
    ],
    ["another kdf", /"type":"pbkdf2"/, '"type":"scrypt"', "disk/unsupported"],
    ["sectors of 3 bytes", /"sector_size":\d+/, '"sector_size":3', "disk/damaged"],
    ["integrity", /"type":"crypt"/, '"type":"crypt","integrity":{}', "disk/unsupported"],
    [
      "encryption under way",
      /"config":{/,
      '"config":{"requirements":{"mandatory":["online-reencrypt"]},',
      "disk/unsupported",
    ],
    ["no digest", /"segments":\["0"\]/, '"segments":[]', "disk/damaged"],
  ];
  for (const [what, from, to, code] of cases) {
    assert.throws(
      read((text) => text.replace(from, to)),
      { code },
      what,
    );
  }
});

test("openLuks: ciphers and hashes that are not read, keyslots and data beyond the end", () => {
  const volume = makeLuks2();
  const cases: readonly (readonly [what: string, from: RegExp, to: string, code: string])[] = [
    ["serpent", /aes-xts-plain64/g, "serpent-xts-plain64", "disk/unsupported"],
    ["whirlpool", /"sha256"/g, '"whirlpool"', "disk/unsupported"],
    ["a keyslot beyond the end", /"offset":"32768"/, '"offset":"4194000"', "disk/truncated"],
    ["data beyond the end", /"size":"dynamic"/, '"size":"99999999"', "disk/damaged"],
    [
      "data from beyond the end",
      /"offset":"\d+","size":"dynamic"/,
      '"offset":"9999999","size":"dynamic"',
      "disk/damaged",
    ],
    ["a digest of nothing", /"digest":"[^"]+"/, '"digest":""', "disk/damaged"],
    ["years of rounds", /(.*)"iterations":1000/s, '$1"iterations":4294967295', "disk/unsupported"],
  ];
  for (const [what, from, to, code] of cases) {
    const changed = volume((text) => text.replace(from, to));
    assert.throws(() => openLuks(changed, { passphrase }), { code }, what);
  }
});
