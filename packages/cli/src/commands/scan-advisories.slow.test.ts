import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { after, before, test } from "node:test";

const casemate = resolve(import.meta.dirname, "../../../../casemate");
const scratch = mkdtempSync(join(tmpdir(), "casemate-scan-advisories-"));
const data = join(scratch, "data");
const disk = join(scratch, "disk");
after(() => rmSync(scratch, { recursive: true }));

const python = "usr/lib/python3/dist-packages/left-1.0.dist-info/METADATA";
const status = [
  "Package: libtls3\nStatus: install ok installed\nVersion: 3.0.11-1\nArchitecture: amd64\nSource: tlslib\n",
  "Package: python3-left\nStatus: install ok installed\nVersion: 1.0-1+deb12u1\nArchitecture: all\n",
];
const files = {
  "etc/os-release": "ID=debian\nVERSION_ID=12\n",
  "var/lib/dpkg/status": status.join("\n"),
  "var/lib/dpkg/info/python3-left.list": `/${python}\n`,
  [python]: "Name: left\nVersion: 1.0\n",
  "usr/local/lib/python3.11/dist-packages/left-1.0.dist-info/METADATA":
    "Name: left\nVersion: 1.0\n",
};

const record = (id: string, ecosystem: string, name: string, fixed?: string) => ({
  id,
  upstream: [`CVE-${id}`],
  severity: [{ type: "CVSS_V3", score: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" }],
  affected: [
    {
      package: { ecosystem, name },
      ranges: [
        {
          type: "ECOSYSTEM",
          events: [{ introduced: "0" }, ...(fixed === undefined ? [] : [{ fixed }])],
        },
      ],
    },
  ],
});

function run(...args: readonly string[]) {
  return spawnSync(casemate, args, { encoding: "utf8", maxBuffer: 2 ** 26 });
}

const scan = (...args: readonly string[]) =>
  run("scan", "--disk", disk, "--only", "packages", "--data", data, ...args);

function importFeed(records: readonly object[]): void {
  const feed = join(scratch, "feed.json");
  writeFileSync(feed, JSON.stringify(records));
  const imported = run("advisories", "import", feed, "--data", data);
  assert.equal(imported.status, 0, imported.stderr);
}

before(() => {
  const tree = join(scratch, "tree");
  for (const [path, contents] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), contents);
  }
  execFileSync("mke2fs", ["-q", "-F", "-t", "ext4", "-d", tree, disk, "8M"]);
});

test("casemate scan --advisories: none are there, then none on some of the packages", () => {
  const without = scan("--advisories");
  assert.equal(without.status, 64);
  assert.match(
    without.stderr,
    /^casemate: Cannot scan: no advisories are in .*, expected some\.\n/,
  );
  importFeed([record("2024-0001", "Debian:12", "other", "1")]);
  const { status, stdout, stderr } = scan("--advisories");
  assert.equal(status, 3);
  assert.match(stderr, /^casemate: not all packages could be matched with advisories\.\n$/);
  assert.match(stdout, /\nknown vulnerabilities: 0\n/);
  assert.match(stdout, /\nNOT MATCHED\nCannot match 1 package of PyPI: no feed has advisories/);
  // What is asked for alone is what is done.
  assert.deepEqual([scan().status, scan().stderr], [0, ""]);
});

test("casemate scan --advisories: vulnerable packages first, as a table and in each format", () => {
  importFeed([
    record("2024-1001", "Debian:12", "tlslib", "3.0.11-2"),
    record("2024-1002", "Debian:12", "tlslib"),
    record("2024-1003", "Debian:12", "python-left", "2"),
    record("2024-1004", "PyPI", "left", "1.1"),
  ]);
  const table = scan("--advisories");
  assert.equal(table.status, 2, table.stderr);
  assert.match(table.stdout, /\ncritical +CVE-2024-1001 +libtls3 +3\.0\.11-1 +3\.0\.11-2\n/);
  assert.match(table.stdout, /\ncritical +CVE-2024-1002 +libtls3 +3\.0\.11-1 +no fix yet\n/);
  assert.ok(table.stdout.indexOf("CVE-2024-1001") < table.stdout.indexOf("installed packages: "));

  const directory = join(data, "advisories");
  const name = readdirSync(directory).find((each) => each.endsWith(".advisories")) ?? "";
  const snapshot = join(scratch, "kept");
  writeFileSync(snapshot, readFileSync(join(directory, name)));
  const document = (format: string) => {
    const { status: code, stdout } = scan("--advisories", snapshot, "--format", format);
    assert.equal(code, 2);
    return JSON.parse(stdout);
  };
  const { vulnerabilities } = document("json");
  assert.equal(vulnerabilities.advisories.sha256, name.replace(".advisories", ""));
  // Of the two of Python, the one that Debian brought along is Debian's to tell of.
  assert.deepEqual(
    vulnerabilities.findings.map(
      ({ vulnerability, from }: Record<string, string>) => `${vulnerability} ${from}`,
    ),
    [
      "CVE-2024-1001 /var/lib/dpkg/status",
      "CVE-2024-1002 /var/lib/dpkg/status",
      "CVE-2024-1004 /usr/local/lib/python3.11/dist-packages/left-1.0.dist-info/METADATA",
    ],
  );
  assert.deepEqual(vulnerabilities.uncovered, []);
  const ids = ["CVE-2024-1001", "CVE-2024-1002", "CVE-2024-1004"];
  const bill = document("cyclonedx").vulnerabilities;
  assert.deepEqual(
    bill.map(({ id }: { id: string }) => id),
    ids,
  );
  const [{ results }] = document("sarif").runs;
  assert.deepEqual(
    results.map(({ ruleId }: { ruleId: string }) => ruleId),
    ids,
  );
});

test("casemate scan --advisories: only a snapshot that this installation made", () => {
  const forged = join(scratch, "forged");
  const kept = readFileSync(join(scratch, "kept"));
  kept[kept.length - 1] = (kept.at(-1) ?? 0) ^ 1;
  writeFileSync(forged, kept);
  const changed = scan("--advisories", forged);
  assert.match(
    changed.stderr,
    /^casemate: Cannot use the advisories in .*\/forged: the SHA-256 of/,
  );
  assert.equal(changed.status, 2);
  const elsewhere = run(
    ...["scan", "--disk", disk, "--data", join(scratch, "other")],
    ...["--advisories", join(scratch, "kept")],
  );
  assert.match(elsewhere.stderr, /none of the given keys signed it/);
  const unused = run("scan", "--disk", disk, "--only", "users", "--advisories");
  assert.match(unused.stderr, /advisories are on packages/);
  assert.equal(unused.status, 64);
});
