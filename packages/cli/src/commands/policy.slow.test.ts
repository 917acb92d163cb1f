import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { shippedPolicyDirectory } from "@casemate/policy";

const casemate = resolve(import.meta.dirname, "../../../../casemate");

/** Runs the real command, as a person would. */
function run(...args: readonly string[]) {
  return spawnSync(casemate, ["policy", ...args], { encoding: "utf8" });
}

test("casemate policy: the shipped policies check and pass their cases", () => {
  const checked = run("check");
  assert.match(checked.stdout, /^\d+ policies, version [0-9a-f]{64}\n$/);
  assert.equal(checked.status, 0);
  const tested = JSON.parse(run("test", "--json").stdout);
  assert.equal(tested.kind, "PolicyTestList");
  assert.ok(tested.items.length > 50);
  assert.ok(tested.items.every(({ passed }: { passed: boolean }) => passed));
});

test("casemate policy: a broken directory names file and line; a failed case shows the difference", async (t) => {
  const data = await mkdtemp(join(tmpdir(), "casemate-cli-policy-"));
  t.after(() => rm(data, { recursive: true }));
  const directory = join(data, "policy");
  await cp(shippedPolicyDirectory, directory, { recursive: true });
  const extra = join(directory, "site.cedar");

  await writeFile(
    extra,
    '@id("stop")\nforbid (principal, action == Action::"vm.start", resource);',
  );
  const tested = run("test", directory);
  assert.equal(tested.status, 1);
  assert.match(tested.stdout, /FAILED {2}an operator starts a VM \(roles\.test\.json\)/);
  assert.match(tested.stdout, /decision: expected permitted, was denied/);
  assert.match(tested.stdout, /policies: expected operator-operates, were stop/);

  await writeFile(
    extra,
    '@id("stop")\nforbid (principal, action == Action::"vm.strat", resource);',
  );
  const checked = run("check", "--data", data, "--json");
  assert.equal(checked.status, 1);
  const { problems, version } = JSON.parse(checked.stdout);
  assert.equal(version, undefined);
  assert.equal(problems[0].file, "site.cedar");
  assert.match(problems[0].sentence, /vm\.strat/);
  assert.match(run("check", directory).stdout, /site\.cedar +\d /);
  const refused = run("test", directory);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /Cannot load the policies of .*site\.cedar:\d+: /);
});

test("casemate policy explain: names who decides and what would have it permitted", () => {
  const asked = ["--principal", "alice", "--roles", "operator", "--action", "vm.restore"];
  const told = run("explain", ...asked, "--vm", "web01");
  assert.equal(told.status, 4);
  assert.match(
    told.stdout,
    /^alice \(operator\) vm\.restore: needs approval by 1 × security-officer\./,
  );
  assert.match(told.stdout, /with the approval of another person as security-officer\./);
  assert.match(told.stdout, /restore-needs-approval +duties\.cedar:\d+/);

  const approvals = '{"approvals":[{"role":"security-officer","person":"bob"}]}';
  const permitted = run("explain", ...asked, "--context", approvals, "--json");
  assert.equal(permitted.status, 0);
  assert.equal(JSON.parse(permitted.stdout).decision.kind, "permitted");

  const named = JSON.parse(run("explain", "an auditor starts no VM", "--json").stdout);
  assert.deepEqual(
    named.decision.policies.map(({ id }: { id: string }) => id),
    ["auditor-changes-nothing"],
  );
  for (const [args, sentence] of [
    [["explain"], /expected --action or a case/],
    [["explain", "no such case"], /none of that name/],
    [["explain", "--action", "vm.go"], /action is "vm\.go"/],
    [["explain", "--action", "vm.start", "--roles", "root"], /principal\.roles/],
    [["explain", "--action", "vm.start", "--context", "{"], /Cannot use --context/],
    [["explain", "x", "--action", "vm.start"], /with other options/],
  ] as const) {
    const wrong = run(...args);
    assert.equal(wrong.status, 64, wrong.stderr);
    assert.match(wrong.stderr, sentence);
    assert.equal(wrong.stdout, "");
  }
});
