import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { encodeCommand, encodeProbe, parseProbe, parseResult } from "./console-protocol.ts";

function shell(input: string): string {
  return spawnSync("/bin/sh", { input, encoding: "utf8" }).stdout;
}

test("encodeCommand: the shell runs it and parseResult finds output and exit code", () => {
  const said = shell(encodeCommand("1", "echo 'it''s'; echo \"two  words\" >&2; exit 7"));
  assert.deepEqual(parseResult("1", said), { output: "its\ntwo  words\n", exitCode: 7 });
});

test("encodeCommand: several lines, no output, an unknown command", () => {
  const said = shell(
    encodeCommand("1", "for i in 1 2\ndo\necho $i\ndone") +
      encodeCommand("2", "true") +
      encodeCommand("3", "/nosuch"),
  );
  assert.deepEqual(parseResult("1", said), { output: "1\n2\n", exitCode: 0 });
  assert.deepEqual(parseResult("2", said), { output: "", exitCode: 0 });
  assert.equal(parseResult("3", said)?.exitCode, 127);
});

test("parseResult: what was typed, other commands' markers and half an answer are not a result", () => {
  const typed = encodeCommand("1", "true");
  assert.equal(parseResult("1", typed), undefined);
  const said = `${typed}noise\u0001begin 1\nout`;
  assert.equal(parseResult("1", said), undefined);
  assert.equal(parseResult("1", `${said}\u0001end 2 0\n`), undefined);
  assert.equal(parseResult("1", `${said}\u0001end 1 0`), undefined);
});

test("parseResult: any text comes through whole, however it is cut", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "'", '"', "\\", "$", "`", "\n", " ", "%") });
  fc.assert(
    fc.property(text, (words) => {
      const quoted = `'${words.replaceAll("'", `'\\''`)}'`;
      const said = shell(encodeCommand("x", `printf %s ${quoted}`));
      assert.deepEqual(parseResult("x", said), { output: words, exitCode: 0 });
    }),
    { numRuns: 30 },
  );
});

test("encodeProbe: the shell's answer counts, its echo does not", () => {
  assert.equal(parseProbe(encodeProbe(4)), undefined);
  assert.equal(parseProbe(shell(encodeProbe(4) + encodeProbe(5))), 5);
});
