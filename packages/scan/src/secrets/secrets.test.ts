import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { KiB, MiB } from "@casemate/core";
import fc from "fast-check";
import type { Section } from "../section.ts";
import { type MadeFile, makeScratch, run, scanFiles } from "../system.fixture.ts";
import { makeFingerprint } from "./fingerprint.ts";
import { passwordHashes } from "./password-hashes.ts";
import { lineRules } from "./rules/line-rules.ts";
import { secretRules } from "./rules/secret-rules.ts";
import { type PlantedSecret, plantedSecrets, sampledRules } from "./samples.fixture.ts";
import { searchFile } from "./search-file.ts";
import type { Secret } from "./secret.ts";
import { secretFiles } from "./secret-files.ts";
import { secretsSection } from "./secrets-section.ts";
import { shellHistories } from "./shell-histories.ts";

const salt = Buffer.from("salt of the tests");
const fingerprint = makeFingerprint(salt);

function search(text: string, path: string): readonly Secret[] {
  const bytes = Buffer.from(text, "latin1");
  const contents = {
    size: bytes.length,
    read: (offset: number, target: Uint8Array) =>
      target.set(bytes.subarray(offset, offset + target.length)),
  };
  return [...searchFile(contents, { path, isText: true, isPackaged: false }, fingerprint)];
}

test("searchFile: every rule finds its secret, and no row has a part of it", () => {
  assert.deepEqual(
    [...secretRules, ...lineRules].map(({ id }) => id).sort(),
    [...sampledRules].sort(),
  );
  const { columns }: Section<Secret> = secretsSection(salt);
  fc.assert(
    fc.property(plantedSecrets, ({ rule, path, text, secret, fixed }) => {
      const rows = search(`first line\n${text}\n`, path);
      const row = rows.find((each) => each.rule === rule);
      assert.ok(row !== undefined && "fingerprint" in row, `${rule} in ${text}`);
      assert.equal("line" in row && row.line, 2);
      assert.equal(row.fingerprint, fingerprint(secret));
      for (const each of rows) {
        // Of the fingerprint it is known that it is a hash; six of its digits may be in a secret by chance.
        const shown = { ...each, fingerprint: "" };
        const said = `${JSON.stringify(shown)} ${columns.map((column) => column.text(shown)).join(" ")}`;
        for (let i = fixed; i + 6 <= secret.length; i += 1) {
          assert.ok(!said.includes(secret.slice(i, i + 6)), said);
        }
      }
    }),
    {
      numRuns: 1_000,
      examples: [
        // What would be a path, and an example's word, were it not of a token's form.
        [awsSecretKey("/AAAAAAxAaOfOKgveMnpR+2noiZ8Lk2Jr3Uiw25q")],
        [awsSecretKey("OfOKgveXxXxMnpR+2noiZ8Lk2Jr3Uiw25qAaSsLe")],
      ],
    },
  );
});

function awsSecretKey(secret: string): PlantedSecret {
  const text = `aws_secret_access_key = ${secret}`;
  return { rule: "aws-secret-key", path: "/srv/notes.txt", text, secret, fixed: 0 };
}

test("secretRules: patterns are sticky, every repetition bounded, and none within another", () => {
  for (const { id, pattern, keywords } of secretRules) {
    assert.ok(pattern.sticky, id);
    assert.ok(
      keywords.every((keyword) => keyword.length >= 4),
      id,
    );
  }
  for (const { id, pattern } of [...secretRules, ...lineRules]) {
    const plain = pattern.source.replaceAll(/\\./g, "x").replaceAll(/\[[^\]]*\]/g, "x");
    assert.doesNotMatch(plain, /[*+]|\{\d+,\}/, id);
    const nested = /\([^()]*\{\d+(?:,\d+)?\}[^()]*\)(?:\{|\?)/;
    assert.doesNotMatch(plain, nested, id);
  }
});

test("makeFingerprint: the same for the same salt alone", () => {
  assert.equal(makeFingerprint(salt)("secret"), fingerprint("secret"));
  assert.notEqual(makeFingerprint(Buffer.from("another"))("secret"), fingerprint("secret"));
  assert.match(makeFingerprint()("secret"), /^[0-9a-f]{16}$/);
  assert.equal(makeFingerprint()("secret"), makeFingerprint()("secret"));
});

test("searchFile: placeholders, references and comments are no secrets", () => {
  const innocent = [
    "password = changeme",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the file's, not of this one's.
    "password = ${DB_PASSWORD}",
    "password: {{ vault_password }}",
    "password = <your password>",
    "password=$PASSWORD",
    "PASSWORD_FILE=/run/secrets/db",
    "  # password = Tr0ub4dor&3",
    "; password = Tr0ub4dor&3",
    "passwd:         files systemd",
    "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
    "https://user:password@host.test/",
    "https://user:xxxxxxxx@host.test/",
    `token = ghp_${"x".repeat(36)}`,
    "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----",
  ];
  for (const text of innocent) assert.deepEqual(search(text, "/etc/app.conf"), [], text);
});

test("searchFile: secrets on the borders of pieces, once, with their lines", () => {
  const secret = "ghp_0123456789abcdefghijABCDEFGHIJ987654";
  for (const at of [MiB - 50, MiB - 20, MiB - 1, MiB, MiB + 1, 2 * MiB - 3]) {
    const rows = search(`${"line\n".repeat(at / 5).padEnd(at)} ${secret}\n`, "/srv/log");
    assert.deepEqual(
      rows.map((row) => [row.rule, "line" in row && row.line]),
      [["github-token", Math.floor(at / 5) + 1]],
      `${at}`,
    );
  }
});

test("secretFiles: a system's files, what is a package's left out, the same one in a file counted", () => {
  using scratch = makeScratch();
  const key = (name: string, passphrase: string): MadeFile => {
    const args = ["-q", "-t", "ed25519", "-N", passphrase, "-f", scratch.path(name)];
    run("ssh-keygen", ...args);
    return readFileSync(scratch.path(name), "latin1");
  };
  const token = "ghp_0123456789abcdefghijABCDEFGHIJ987654";
  const clear = key("clear", "");
  const { rows, missed } = scanFiles(
    { visitor: secretFiles(fingerprint) },
    {
      "/root/.ssh/id_ed25519": clear,
      "/home/bob/.ssh/id_ed25519": key("closed", "open sesame"),
      "/etc/ssh/ssh_host_ed25519_key": key("host", ""),
      "/usr/share/doc/ssh/example": clear,
      "/usr/lib/python3/test/certdata/key.pem": clear,
      "/srv/app/.env": `A=1\nGH_TOKEN=${token}\nAGAIN=${token}\n`,
      "/srv/app/cache.db": Buffer.concat([Buffer.alloc(KiB), Buffer.from(` ${token} `)]),
      "/srv/app/app.js": "const password = 'correct horse';\n",
      "/etc/ssh/ssh_host_ed25519_key.pub": readFileSync(scratch.path("host.pub"), "latin1"),
    },
  );
  assert.deepEqual(missed, []);
  const shown = rows.map((row) => [
    row.path,
    row.rule,
    row.severity,
    row.line,
    row.kind === "private-key" ? row.protection : row.count,
  ]);
  assert.deepEqual(shown.sort(), [
    ["/etc/ssh/ssh_host_ed25519_key", "openssh-private-key", "negligible", 1, "none"],
    ["/home/bob/.ssh/id_ed25519", "openssh-private-key", "low", 1, "passphrase"],
    ["/root/.ssh/id_ed25519", "openssh-private-key", "high", 1, "none"],
    ["/srv/app/.env", "github-token", "critical", 2, 2],
    ["/srv/app/cache.db", "github-token", "critical", undefined, 1],
  ]);
});

test("passwordHashes: how they are hashed, who has none, and never the hash", () => {
  const crypt = (...args: readonly string[]) => run("openssl", "passwd", ...args, "secret").trim();
  const hashes = [crypt("-6"), crypt("-5"), crypt("-1"), "$y$j9T$abcdefgh$01234567890123456789"];
  const [sha512, sha256, md5, yescrypt] = hashes;
  const shadow = [
    `root:${sha512}:19000:0:99999:7:::`,
    `locked:!${sha256}:19000::::::`,
    `old:${md5}:19000::::::`,
    `new:${yescrypt}:19000::::::`,
    "des:abJnggxhB/yWI:19000::::::",
    "daemon:*:19000::::::",
    "open::19000::::::",
    "",
  ];
  const { rows, missed } = scanFiles(
    { collector: passwordHashes(fingerprint) },
    { "/etc/shadow": shadow.join("\n"), "/etc/gshadow": "root:*::\nusers:::\n" },
  );
  assert.deepEqual(missed, []);
  assert.deepEqual(
    rows.map(({ user, line, algorithm, rule, severity }) => [
      user,
      line,
      algorithm,
      rule,
      severity,
    ]),
    [
      ["root", 1, "sha512crypt", "password-hash", "negligible"],
      ["locked", 2, "sha256crypt", "password-hash", "negligible"],
      ["old", 3, "md5crypt", "weak-password-hash", "high"],
      ["new", 4, "yescrypt", "password-hash", "negligible"],
      ["des", 5, "descrypt", "weak-password-hash", "high"],
      ["open", 7, "none", "empty-password", "critical"],
    ],
  );
  const said = JSON.stringify(rows);
  for (const hash of hashes) assert.ok(!said.includes(hash?.slice(-8) ?? ""), said);
});

test("shellHistories: how many lines, whether the last one ends or not", () => {
  const { rows } = scanFiles(
    { visitor: shellHistories },
    {
      "/root/.bash_history": "ls\nwhoami\n",
      "/home/bob/.local/share/fish/fish_history": "- cmd: ls\n  when: 1",
      "/home/bob/history": "ls\n",
    },
  );
  assert.deepEqual(rows.map(({ path, lines }) => [path, lines]).sort(), [
    ["/home/bob/.local/share/fish/fish_history", 2],
    ["/root/.bash_history", 2],
  ]);
});
