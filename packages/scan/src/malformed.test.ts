import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import { CasemateError } from "@casemate/core";
import fc from "fast-check";
import { findGrubDefault, parseGrubMenu } from "./boot/grub-menu.ts";
import { parseKernelBanner } from "./boot/kernel-banner.ts";
import { type BoltTree, makeBoltDatabase } from "./containers/bolt.fixture.ts";
import { type BoltBucket, openBoltDatabase } from "./containers/bolt-database.ts";
import { parseSshPublicKey } from "./identity/ssh-public-key.ts";
import { walkDeb822 } from "./packages/deb822.ts";
import {
  makeElf,
  makeInlineBuildInfo,
  makePointedBuildInfo,
  visitedFile,
} from "./packages/languages/elf.fixture.ts";
import { parseGoModules } from "./packages/languages/go-modules.ts";
import { nodePackages } from "./packages/languages/node-packages.ts";
import { programPackages } from "./packages/languages/program-packages.ts";
import { pythonPackages } from "./packages/languages/python-packages.ts";
import { packageUrl } from "./packages/package-url.ts";
import { makeNdbDatabase } from "./packages/rpm/ndb.fixture.ts";
import { walkNdbBlobs } from "./packages/rpm/ndb-database.ts";
import { parseRpmHeader } from "./packages/rpm/rpm-header.ts";
import { walkSqliteBlobs } from "./packages/rpm/sqlite-blobs.ts";
import { parseFstab } from "./system/fstab.ts";
import { parseOsRelease } from "./system/os-release.ts";
import { diskOf, makeScratch } from "./system.fixture.ts";

const MUTANTS = 2_000;

/** A header with a name, a version and a release, and `bytes` that are none of rpm's business here. */
function makeHeader(i: number, bytes: number): Buffer {
  const values = [`made-${i}`, "1.0", "2"];
  const data = Buffer.from(`${values.join("\0")}\0${"x".repeat(bytes)}`);
  const header = Buffer.alloc(8 + 16 * values.length);
  header.writeUInt32BE(values.length, 0);
  header.writeUInt32BE(data.length, 4);
  for (const [k, value] of values.entries()) {
    header.writeUInt32BE(1000 + k, 8 + k * 16);
    header.writeUInt32BE(6, 12 + k * 16);
    header.writeUInt32BE(data.indexOf(`${value}\0`), 16 + k * 16);
    header.writeUInt32BE(1, 20 + k * 16);
  }
  return Buffer.concat([header, data]);
}

const HEADERS = Array.from({ length: 40 }, (_, i) => makeHeader(i, i * 100));

function makeSqlite(): { readonly file: Buffer; readonly log: Buffer } {
  using scratch = makeScratch();
  const path = scratch.path("rpmdb.sqlite");
  using database = new DatabaseSync(path);
  database.exec("PRAGMA page_size=1024; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;");
  database.exec("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)");
  const insert = database.prepare("INSERT INTO Packages (blob) VALUES (?)");
  for (const header of HEADERS.slice(0, 30)) insert.run(header);
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  for (const header of HEADERS.slice(30)) insert.run(header);
  return { file: readFileSync(path), log: readFileSync(`${path}-wal`) };
}

/** Copies of `bytes` with some of them changed, cut off, or repeated; the same in every run. */
function mutantsOf(bytes: Buffer): readonly Buffer[] {
  const numbers = [0, 1, 0x7f, 0x80, 0xff];
  // What decides is at the start of things: every second change is near a byte that is not 0.
  const used = [...bytes.keys()].filter((at) => bytes[at] !== 0 && bytes[at] !== 0x78);
  const change = fc.record({
    at: fc.oneof(
      fc.nat(bytes.length - 1),
      fc.nat(used.length - 1).map((i) => used[i] ?? 0),
    ),
    bytes: fc.array(fc.oneof(fc.constantFrom(...numbers), fc.nat(255)), {
      minLength: 1,
      maxLength: 8,
    }),
  });
  const mutant = fc
    .tuple(fc.array(change, { minLength: 1, maxLength: 4 }), fc.option(fc.nat(bytes.length)))
    .map(([changes, cut]) => {
      const copy = Buffer.from(bytes);
      for (const each of changes) copy.set(each.bytes.slice(0, copy.length - each.at), each.at);
      return cut === null || cut % 4 !== 0 ? copy : copy.subarray(0, cut);
    });
  return fc.sample(mutant, { numRuns: MUTANTS, seed: 20260101 });
}

/** That looking ends, and in nothing but the catalogue's errors. */
function assertHolds(mutants: readonly Buffer[], look: (bytes: Buffer) => void): void {
  let refused = 0;
  for (const [i, bytes] of mutants.entries()) {
    try {
      look(bytes);
    } catch (thrown) {
      assert.ok(thrown instanceof CasemateError, `mutant ${i}: ${thrown}`);
      assert.notEqual(thrown.code, "internal");
      refused += 1;
    }
  }
  assert.ok(refused > 0);
}

function count(blobs: Iterable<Buffer>): number {
  let found = 0;
  for (const blob of blobs) {
    parseRpmHeader(blob, "a database");
    found += 1;
  }
  return found;
}

test("walkSqliteBlobs: mutants of databases and of their logs end in an error of the catalogue", () => {
  const { file, log } = makeSqlite();
  assert.equal(count(walkSqliteBlobs(diskOf(file), "sound", diskOf(log))), HEADERS.length);
  assert.equal(count(walkSqliteBlobs(diskOf(file), "sound", undefined)), 30);
  assertHolds(
    mutantsOf(file),
    (bytes) => void count(walkSqliteBlobs(diskOf(bytes), "x", diskOf(log))),
  );
  // A log that is not whole is read up to there: nothing of it is refused.
  for (const bytes of mutantsOf(log).slice(0, 500)) {
    const found = count(walkSqliteBlobs(diskOf(file), "x", diskOf(bytes)));
    assert.ok(found >= 30 && found <= HEADERS.length);
  }
});

test("walkNdbBlobs: mutants end in an error of the catalogue", () => {
  const file = makeNdbDatabase(HEADERS);
  assert.equal(count(walkNdbBlobs(diskOf(file), "sound")), HEADERS.length);
  assertHolds(mutantsOf(file), (bytes) => void count(walkNdbBlobs(diskOf(bytes), "x")));
});

test("openBoltDatabase: mutants, circles among them, end in an error of the catalogue", () => {
  const values = Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [`k${i}`, Buffer.from("v")]),
  );
  const tree: BoltTree = { v1: { a: values, b: { c: { d: Buffer.from("e") } } } };
  const file = makeBoltDatabase(tree);
  assert.equal(countItems(openBoltDatabase(diskOf(file), "sound")), 25);
  assertHolds(mutantsOf(file), (bytes) => void countItems(openBoltDatabase(diskOf(bytes), "x")));
});

function countItems(bucket: BoltBucket): number {
  let found = 0;
  for (const { bucket: inner } of bucket.items()) {
    found += 1 + (inner === undefined ? 0 : countItems(inner));
  }
  return found;
}

test("programPackages: mutants of programs end in an error of the catalogue", () => {
  const lines = "path\texample.org/a\nmod\texample.org/a\tv1.0.0\ndep\tb.org/c\tv2.0.0\n";
  const crates = deflateSync('{"packages":[{"name":"a","version":"1.0.0"}]}', { level: 0 });
  const list = (bytes: Buffer) => [...programPackages.visit(visitedFile("/x", bytes))].length;
  for (const order of ["little", "big"] as const) {
    const kind = { bits: order === "little" ? 64 : 32, order } as const;
    for (const info of [
      makeInlineBuildInfo("go1.22.5", lines),
      makePointedBuildInfo("go1.17", lines, kind),
    ]) {
      const sections = { ".go.buildinfo": info, ".dep-v0": crates };
      const file = makeElf({ ...kind, sections });
      assert.equal(list(file), 4);
      assertHolds(mutantsOf(file), (bytes) => void list(bytes));
    }
  }
});

test("pythonPackages, nodePackages, parseGoModules: any text", () => {
  const words = ["Name: a", "Version: 1", "mod\ta\tv1", "=>\tb\tv2", "=>\t../c", "", '{"name":'];
  const text = fc
    .array(fc.oneof(fc.constantFrom(...words), fc.string({ unit: "binary" }), fc.json()))
    .map((lines) => lines.join("\n"));
  const member = fc.record({ name: fc.jsonValue(), version: fc.jsonValue() }).map(toJson);
  fc.assert(
    fc.property(fc.oneof(text, member, fc.json()), (each) => {
      parseGoModules(each);
      const file = visitedFile("/srv/node_modules/a/package.json", Buffer.from(each));
      for (const visitor of [pythonPackages, nodePackages]) {
        try {
          for (const { purl } of visitor.visit(file)) assert.match(purl, /^pkg:[\x21-\x7e]*$/);
        } catch (thrown) {
          assert.ok(thrown instanceof CasemateError);
        }
      }
    }),
  );
});

const toJson = (value: object): string => JSON.stringify(value);

test("parseRpmHeader, parseSshPublicKey, parseKernelBanner: any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2048 }), (array) => {
      const bytes = Buffer.from(array);
      parseSshPublicKey(bytes);
      parseKernelBanner(bytes);
      try {
        parseRpmHeader(bytes, "x");
      } catch (thrown) {
        assert.ok(thrown instanceof CasemateError);
      }
    }),
  );
});

test("parseGrubMenu, parseFstab, parseOsRelease, walkDeb822, packageUrl: any text", () => {
  const words = ["menuentry 'a' {", 'submenu "b" --id x {', "}", "linux /a", 'set default="1>0"'];
  const more = [
    "UUID=x /a ext4 a,b=c 0 0",
    "/dev/sda1\t/\\040b/../c xfs",
    "ID=a",
    "K: v",
    " more",
    "",
  ];
  const text = fc
    .array(fc.oneof(fc.constantFrom(...words, ...more), fc.string({ unit: "binary" })))
    .map((lines) => lines.join("\n"));
  fc.assert(
    fc.property(text, (each) => {
      findGrubDefault(parseGrubMenu(each), each);
      for (const { path } of parseFstab(each)) assert.match(path, /^\/(?!.*\/\/)/s);
      parseOsRelease(each);
      for (const stanza of walkDeb822(each)) assert.ok(stanza.size > 0);
      assert.match(
        packageUrl({ type: "deb", name: each, version: each }),
        /^pkg:deb\/[\x21-\x7e]*$/,
      );
    }),
  );
});
