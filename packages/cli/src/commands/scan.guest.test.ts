import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { ensureImage, labCacheDir } from "@casemate/lab";

const casemate = resolve(import.meta.dirname, "../../../../casemate");
const scratch = mkdtempSync(join(tmpdir(), "casemate-scan-"));
let disk: string;
let raw: string;

before(async () => {
  ({ disk } = await ensureImage({ cacheDir: labCacheDir }));
  raw = join(scratch, "raw");
  execFileSync("qemu-img", ["convert", "-O", "raw", disk, raw]);
});
after(() => rmSync(scratch, { recursive: true }));

function scan(...args: readonly string[]) {
  const ended = spawnSync(casemate, ["scan", ...args], { encoding: "utf8", maxBuffer: 2 ** 28 });
  return {
    ...ended,
    document: ended.stdout.startsWith("{") ? JSON.parse(ended.stdout) : undefined,
  };
}

/** What e2fsprogs' own reader says of the file system. */
const debugfs = (request: string): string =>
  execFileSync("debugfs", ["-R", request, raw], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: 2 ** 28,
  });

test("casemate scan: the packages of the lab's image, as dpkg-query reads them by debugfs", () => {
  const admin = join(scratch, "dpkg");
  mkdirSync(join(admin, "updates"), { recursive: true });
  debugfs(`dump /var/lib/dpkg/status ${admin}/status`);
  const format = ["Package", "Version", "Architecture"].map((field) => `\${${field}}`).join("\t");
  const said = execFileSync("dpkg-query", [`--admindir=${admin}`, "-W", "-f", `${format}\n`], {
    encoding: "utf8",
  });
  const { status, stderr, document } = scan(
    "--disk",
    disk,
    "--only",
    "packages",
    "--format",
    "json",
  );
  assert.equal(stderr, "");
  assert.equal(status, 0);
  assert.equal(document.kind, "SystemScan");
  assert.equal(document.os.id, "debian");
  assert.deepEqual(Object.keys(document.found), ["packages"]);
  const rows: readonly Record<string, string>[] = document.found.packages;
  assert.deepEqual(
    rows.map(({ name, version, architecture }) => `${name}\t${version}\t${architecture}`).sort(),
    said.trimEnd().split("\n").sort(),
  );
});

test("casemate scan: all of an overlay by its base; a table for people", () => {
  const overlay = join(scratch, "overlay.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", disk, "-F", "qcow2", overlay]);
  const alone = scan("--disk", overlay);
  assert.equal(alone.status, 3);
  assert.match(alone.stderr, /^casemate: Cannot read a qcow2 image: it is a layer above/);
  const { status, stdout, stderr } = scan("--disk", `${overlay},${disk}`);
  assert.equal(stderr, "");
  assert.equal(status, 0);
  assert.match(
    stdout,
    /^Debian GNU\/Linux 12 \(bookworm\)\nAll of it was looked at: 1 of 1 volumes \(2 GiB of 2 GiB\), /,
  );
  assert.match(stdout, /^ssh\.service +systemd +multi-user\.target +\/usr\/sbin\/sshd /m);
  const modes = /^4755 +0 +0 +(\/\S+)$/gm;
  for (const [, path] of stdout.matchAll(modes)) {
    assert.match(debugfs(`stat ${path}`), /Mode: {2}04755/);
  }
});

test("casemate scan: what it is given wrongly, and what is no system, is said", () => {
  assert.equal(scan().status, 64);
  assert.equal(scan("--disk", disk, "--only", "nothing").status, 64);
  assert.equal(scan("--disk", join(scratch, "none")).status, 1);
  const { status, document } = scan("--json", "--disk", casemate);
  assert.equal(status, 3);
  const codes = document.missed.map(({ code }: { readonly code: string }) => code);
  assert.deepEqual(codes.sort(), ["disk/not-found", "disk/unknown-format"]);
});
