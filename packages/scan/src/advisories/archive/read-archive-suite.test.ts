import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { findUpdates } from "../../match/find-updates.ts";
import { parseOsRelease } from "../../system/os-release.ts";
import { AdvisorySnapshot } from "../snapshot/advisory-snapshot.ts";
import { SnapshotBuilder } from "../snapshot/snapshot-builder.ts";
import { buildPackages, endAgent, makeKey, signSuite } from "./archive.fixture.ts";
import { type ArchiveSource, archiveAtUrl, archiveInDirectory } from "./archive-source.ts";
import { indexSuffixes } from "./expand-index.ts";
import { parseRelease } from "./parse-release.ts";
import { readArchiveSuite } from "./read-archive-suite.ts";
import { verifyInRelease } from "./verify-in-release.ts";

const suite = "bookworm-security";
let directory: string;
let archive: string;
let own: { readonly home: string; readonly keyring: string };
let other: typeof own;
let keyrings: readonly Buffer[];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "casemate-archive-"));
  archive = join(directory, "archive");
  mkdirSync(archive);
  own = makeKey(directory, "own");
  other = makeKey(directory, "other");
  keyrings = [await readFile(own.keyring)];
  buildPackages(archive, [
    { name: "tlslib", version: "1:3.0.11-1~deb12u1" },
    { name: "tlslib", version: "1:3.0.11-1~deb12u2" },
    { name: "libtls3", version: "1:3.0.11-1~deb12u2+b1", source: "tlslib (1:3.0.11-1~deb12u2)" },
    { name: "tls-doc", version: "1:3.0.11-1~deb12u2", source: "tlslib", architecture: "all" },
  ]);
  signSuite(archive, suite, own.home);
});

after(async () => {
  for (const { home } of [own, other]) endAgent(directory, home);
  await rm(directory, { recursive: true, force: true });
});

const options = () => ({ suite, keyrings, architectures: ["amd64"] });

/** The archive with some of its files changed or left out. */
function changed(change: (path: string, bytes: Buffer) => Buffer | undefined): ArchiveSource {
  const real = archiveInDirectory(archive);
  return {
    async read(path, mostBytes, signal) {
      const bytes = change(path, await real.read(path, mostBytes, signal));
      return bytes ?? real.read("not there", mostBytes);
    },
  };
}

test("readArchiveSuite: the newest of each package, whichever way the index is compressed", async () => {
  const expected = await readArchiveSuite(archiveInDirectory(archive), options());
  assert.equal(expected.name, "Debian bookworm-security");
  assert.equal(expected.ecosystem, "Debian:12");
  const source = { name: "tlslib", version: "1:3.0.11-1~deb12u2" };
  assert.deepEqual(
    expected.packages.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    [
      { name: "libtls3", architecture: "amd64", version: "1:3.0.11-1~deb12u2+b1", source },
      { name: "tls-doc", architecture: "all", version: "1:3.0.11-1~deb12u2", source },
      { name: "tlslib", architecture: "amd64", version: "1:3.0.11-1~deb12u2", source },
    ],
  );
  for (const suffix of indexSuffixes) {
    const only = changed((path, bytes) =>
      path.endsWith("InRelease") || path.endsWith(`Packages${suffix}`) ? bytes : undefined,
    );
    assert.deepEqual(await readArchiveSuite(only, options()), expected, suffix);
  }
});

test("readArchiveSuite: over http, from whatever address is given", async () => {
  const server = createServer((request, response) => {
    readFile(join(archive, request.url ?? "")).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const fetched = await readArchiveSuite(archiveAtUrl(`http://127.0.0.1:${port}`), options());
    assert.deepEqual(fetched, await readArchiveSuite(archiveInDirectory(archive), options()));
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

test("findUpdates: what a security suite has and a system has not, from the index alone", async () => {
  const builder = new SnapshotBuilder();
  builder.addSuite(await readArchiveSuite(archiveInDirectory(archive), options()));
  const snapshot = new AdvisorySnapshot(builder.finish());
  const os = parseOsRelease("ID=debian\nVERSION_ID=12\n");
  assert.ok(os !== undefined);
  const installed = (name: string, version: string, architecture = "amd64") => ({
    type: "deb" as const,
    name,
    version,
    architecture,
    purl: `pkg:deb/debian/${name}@${version}`,
    from: "/var/lib/dpkg/status",
  });
  const packages = [
    installed("tlslib", "1:3.0.11-1~deb12u1"),
    installed("libtls3", "1:3.0.11-1~deb12u2"), // the same source, built again
    installed("tls-doc", "1:3.0.11-1~deb12u2", "all"),
    installed("tlslib", "1:3.0.11-1~deb12u1", "i386"),
    installed("unrelated", "1"),
  ];
  const updates = findUpdates({ os, packages }, snapshot);
  assert.deepEqual(
    updates?.map((update) => [update.package, update.installed, update.available, update.suite]),
    [
      ["tlslib", "1:3.0.11-1~deb12u1", "1:3.0.11-1~deb12u2", "Debian bookworm-security"],
      ["libtls3", "1:3.0.11-1~deb12u2", "1:3.0.11-1~deb12u2+b1", "Debian bookworm-security"],
    ],
  );
  const trixie = parseOsRelease("ID=debian\nVERSION_ID=13\n");
  assert.ok(trixie !== undefined);
  assert.equal(findUpdates({ os: trixie, packages }, snapshot), undefined);
});

test("verifyInRelease: believes what gpgv believes", async () => {
  const signed = await readFile(join(archive, "dists", suite, "InRelease"));
  const text = signed.toString();
  const cases: readonly (readonly [string, Buffer])[] = [
    ["as it is", signed],
    ["a changed line", Buffer.from(text.replace("Debian-Security", "Debian-security"))],
    [
      "a changed signature",
      Buffer.from(text.replace(/\n([A-Za-z0-9+/]{60,})\n=/, (all) => all.replace(/[A-Y]/, "Z"))),
    ],
    ["without a signature", Buffer.from(text.split("-----BEGIN PGP SIGNATURE")[0] ?? "")],
    ["not signed at all", await readFile(join(archive, "dists", suite, "Release"))],
    ["cut off", signed.subarray(0, signed.length / 2)],
    ["empty", Buffer.alloc(0)],
  ];
  const armored = await readFile(join(directory, "own.asc"));
  for (const [name, bytes] of cases) {
    const path = join(directory, "case");
    await writeFile(path, bytes);
    for (const keyring of [own.keyring, other.keyring]) {
      const { status } = spawnSync("gpgv", ["--keyring", keyring, path], { stdio: "ignore" });
      const verdict = await verifyInRelease(bytes, [await readFile(keyring)], new Date()).then(
        () => 0,
        (thrown: unknown) => {
          assert.match(String(Object(thrown).code), /^feed\/(untrusted|malformed)$/);
          return 1;
        },
      );
      assert.equal(verdict === 0, status === 0, `${name}, ${keyring}`);
    }
  }
  assert.match(await verifyInRelease(signed, [armored], new Date()), /^Origin: Debian$/m);
});

test("verifyInRelease: what stands around the signed text is not read", async () => {
  const signed = await readFile(join(archive, "dists", suite, "InRelease"), "utf8");
  for (const bytes of [`Origin: Evil\n\n${signed}`, `${signed}\nOrigin: Evil\n`]) {
    const text = await verifyInRelease(Buffer.from(bytes), keyrings, new Date()).catch(() => "");
    assert.equal(text.includes("Evil"), false);
  }
});

test("verifyInRelease: the keys of Debian's own keyring are read", async () => {
  const keyring = await readFile("/usr/share/keyrings/debian-archive-keyring.gpg");
  const signed = await readFile(join(archive, "dists", suite, "InRelease"));
  await assert.rejects(verifyInRelease(signed, [keyring], new Date()), { code: "feed/untrusted" });
});

test("readArchiveSuite: changed, swapped and outdated indexes are not used", async () => {
  const flip = changed((path, bytes) => {
    if (path.includes("Packages")) bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    return bytes;
  });
  await assert.rejects(readArchiveSuite(flip, options()), { code: "feed/untrusted" });
  const grown = changed((path, bytes) =>
    path.includes("Packages") ? Buffer.concat([bytes, bytes]) : bytes,
  );
  await assert.rejects(readArchiveSuite(grown, options()), { code: "feed/untrusted" });
  const none = changed((path, bytes) => (path.includes("Packages") ? undefined : bytes));
  await assert.rejects(readArchiveSuite(none, options()), { code: "feed/unreachable" });
  const elsewhere = { ...options(), suite: "trixie-security" };
  const swapped = archiveInDirectory(archive);
  const serving: ArchiveSource = {
    read: (path, most, signal) =>
      swapped.read(path.replace("trixie-security", suite), most, signal),
  };
  await assert.rejects(readArchiveSuite(serving, elsewhere), { code: "feed/untrusted" });
  signSuite(archive, "short-lived", own.home, { ValidTime: "600" });
  const shortLived = { ...options(), suite: "short-lived" };
  await readArchiveSuite(archiveInDirectory(archive), shortLived);
  const later = { ...shortLived, now: new Date(Date.now() + 3_600_000) };
  const outdated = readArchiveSuite(archiveInDirectory(archive), later);
  await assert.rejects(outdated, { code: "feed/untrusted", message: /was valid until/ });
});

test("parseRelease: paths that lead out of the suite and lines of no file are refused", () => {
  const hash = "0".repeat(64);
  const head = "Origin: Debian\nCodename: bookworm\nDate: Fri, 01 Mar 2024 00:00:00 UTC\nSHA256:\n";
  for (const line of ["../x", "/x", "a/../../x", "x y", ""]) {
    assert.throws(() => parseRelease(`${head} ${hash} 1 ${line}\n`), { code: "feed/malformed" });
  }
  for (const text of ["", "Date: never", head.replace("Fri", "Fri\n"), `${head} 12 1 x\n`]) {
    assert.throws(() => parseRelease(text), { code: "feed/malformed" }, text);
  }
  assert.equal(parseRelease(`${head} ${hash} 12 main/binary-amd64/Packages\n`).files[0]?.bytes, 12);
});
