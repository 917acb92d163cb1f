import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "./findings-of.ts";

test("findingsOf: secrets by their fingerprints, malware by its rules, changed files by their packages", () => {
  const key = {
    kind: "private-key",
    rule: "private-key",
    severity: "high",
    path: "/root/.ssh/id_ed25519",
    line: 1,
    fingerprint: "4f1c2e",
    format: "openssh",
    protection: "none",
  } as const;
  const history = {
    kind: "shell-history",
    rule: "shell-history",
    severity: "low",
    path: "/root/.bash_history",
    lines: 12,
  } as const;
  const changed = {
    kind: "changed",
    path: "/bin/ls",
    package: "coreutils",
    packageType: "deb",
    differs: ["contents"],
    expected: {},
    seen: {},
  } as const;
  const hit = {
    path: "/tmp/x",
    rule: "EICAR_test_file",
    namespace: "test.yar",
    tags: [],
    severity: "odd",
    matches: [],
  } as const;
  const found =
    findingsOf({ secrets: [key, history], malware: [hit], packageFiles: [changed] }) ?? [];
  assert.deepEqual(
    found.map(({ kind, rule, identity, line }) => [kind, rule.id, line, ...identity]),
    [
      ["secret", "secret/private-key", 1, "4f1c2e"],
      ["secret", "secret/shell-history", undefined],
      ["malware", "malware/test.yar/EICAR_test_file", undefined],
      ["integrity", "integrity/changed-file", undefined, "deb", "coreutils"],
    ],
  );
  assert.deepEqual(
    found.map(({ message }) => message),
    [
      "A private key (openssh, without a passphrase) lies in /root/.ssh/id_ed25519.",
      "What was typed at a prompt (12 lines) lies in /root/.bash_history.",
      "/tmp/x matches the rule EICAR_test_file of test.yar.",
      "/bin/ls is not as the package coreutils has it: contents.",
    ],
  );
  assert.deepEqual(findingsOf({ secrets: [] }), []);
  assert.equal(findingsOf({}), undefined, "nothing was looked for");
});
