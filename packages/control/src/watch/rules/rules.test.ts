import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { detectors } from "@casemate/inspect/detectors";
import { someVm } from "../../../test/findings.fixture.ts";
import { parseCondition } from "./condition.ts";
import { judgeByRules } from "./judge-by-rules.ts";
import { checkRules, loadRules, readRuleFiles } from "./load-rules.ts";
import { parseRules } from "./parse-rules.ts";
import { parseRuleCases, runRuleCase } from "./rule-case.ts";

const shipped = fileURLToPath(new URL("../../../../../rules", import.meta.url));

const subject = {
  finding: {
    ...{ detector: "hidden-processes", key: "process 731", title: "T", because: "B" },
    ...{ severity: "high", techniques: ["T1014"] },
  },
  vm: someVm,
};

function problemsOf(text: string): readonly string[] {
  const { problems, set } = parseRules([{ name: "a.yaml", text }]);
  assert.equal(set === undefined, problems.length > 0);
  return problems.map(({ line, sentence }) => `${line}: ${sentence}`);
}

test("shipped rules: they load, and every case comes out as expected", async () => {
  assert.deepEqual(await checkRules(shipped), []);
  const rules = await loadRules(shipped);
  const cases = parseRuleCases(await readRuleFiles(shipped, "cases"));
  for (const each of cases) assert.deepEqual(runRuleCase(each, rules).differences, [], each.name);
  const tried = cases.flatMap((each) => [
    each.expect.by ?? "",
    ...(each.expect.responses ?? []).map((response) => response.split(":")[0] ?? ""),
  ]);
  assert.deepEqual(
    rules.rules.map(({ name }) => name).filter((name) => !tried.includes(name)),
    [],
    "a rule without a case",
  );
  const named = rules.rules.flatMap(({ when }) =>
    [...when.source.matchAll(/finding\.detector in \[([^\]]*)\]/g)].flatMap(([, list = ""]) =>
      [...list.matchAll(/"([^"]*)"/g)].map(([, id]) => id),
    ),
  );
  assert.ok(named.length > 0);
  const ids: readonly unknown[] = detectors.map(({ id }) => id);
  assert.deepEqual(
    named.filter((id) => !ids.includes(id)),
    [],
    "no such detector",
  );
  assert.ok(rules.rules.every(({ mode }) => mode === "dry-run"));
});

test("parseCondition: what does not fit what it can speak of is refused before it decides", () => {
  for (const [source, said] of [
    ["finding.nope == 1", /nope/],
    ["finding.detector", /it is a string/],
    ["detector == 'x'", /detector/],
    ["finding.severity >", /EOF|token/i],
    ["finding.title.matches('(a+)+b')", /matches/],
    ["vm.labels.exists(l, l.matches('a'))", /matches/],
    ["vm.name == 3", /==|overload/],
  ] as const) {
    const parsed = parseCondition(source, "finding");
    assert.ok(typeof parsed === "string", source);
    assert.match(parsed, said, source);
  }
  assert.equal(typeof parseCondition("finding.key == 'x'", "vm"), "string");
});

test("parseCondition: speaks of the finding and of its VM", () => {
  for (const [source, expected] of [
    ["finding.detector == 'hidden-processes' && 'production' in vm.labels", true],
    ["finding.severity.atLeast('medium') && !finding.severity.atLeast('critical')", true],
    ["vm.labels.exists(l, l.startsWith('prod')) && vm.networks.size() == 1", true],
    ["vm.name.contains('db')", false],
    ["finding.techniques.all(t, t.startsWith('T1014'))", true],
  ] as const) {
    const parsed = parseCondition(source, "finding");
    assert.ok(typeof parsed !== "string", String(parsed));
    assert.equal(parsed.holds(subject), expected, source);
  }
});

test("parseRules: each mistake with its line, and nothing is used of files that have one", () => {
  const problems = problemsOf(`rules:
  - name: one
    when: finding.nope == 1
    severity: high
  - name: one
    when: "true"
    respond:
      - response: nuke
      - response: snapshot
        parameters: { memory: 3 }
  - name: two
    when: "true"
allowances:
  - when: finding.key == "x"
    codeMakers: [java]
`);
  assert.match(problems.join("\n"), /^2: rule one: its condition is not right/m);
  assert.match(problems.join("\n"), /^5: rule one: there is no response nuke/m);
  assert.match(problems.join("\n"), /^5: rule one: the parameters of snapshot: memory/m);
  assert.match(problems.join("\n"), /^11: rule two: it decides nothing/m);
  assert.match(problems.join("\n"), /^14: allowance: /m);
  assert.match(problemsOf("rules:\n  - name: a\n    sevirity: high\n").join(), /^\d: rules\.0/);
  assert.match(problemsOf("rules:\n  - name: a\n   when: x\n").join(), /^3: /);
  assert.match(problemsOf("rules: &a [*a, *a]\n").join(), /:/);
  assert.deepEqual(problemsOf(""), ["1: it must be object"]);
  const twice = { name: "b.yaml", text: "rules:\n - { name: x, when: 'true', severity: low }\n" };
  const { problems: taken } = parseRules([twice, { ...twice, name: "c.yaml" }]);
  assert.equal(taken[0]?.sentence, "the name x is taken by b.yaml:2");
});

test("parseRules: channels that are told are there, as far as that is known, and nobody is asked", () => {
  const text = (more: string) =>
    `rules:\n - { name: x, when: "true"${more}, respond: [{ response: notify, parameters: { channels: [siem] } }] }`;
  const problems = (channels: readonly string[] | undefined, more = "") =>
    parseRules([{ name: "a.yaml", text: text(more) }], channels).problems.map(
      ({ sentence }) => sentence,
    );
  assert.deepEqual(problems(undefined), []);
  assert.deepEqual(problems(["siem"]), []);
  assert.deepEqual(problems([]), ["rule x: there is no channel siem, expected one of none"]);
  assert.match(problems(["siem"], ", approvals: 1").join(), /notify asks nobody/);
  assert.match(
    problemsOf('rules:\n - { name: x, when: "true", respond: [{ response: notify }] }').join(),
    /the parameters of notify/,
  );
});

test("judgeByRules: the first severity counts, and what cannot be told does not", () => {
  const { set } = parseRules([
    {
      name: "a.yaml",
      text: `rules:
  - { name: broken, when: "vm.labels[7] == 'x'", severity: low }
  - { name: first, when: "true", severity: critical, because: It is so. }
  - { name: second, when: "true", severity: low, respond: [{ response: pause }] }
`,
    },
  ]);
  assert.ok(set);
  const judged = judgeByRules(set, subject, "high");
  assert.equal(judged.severity, "critical");
  assert.equal(judged.severityBy?.name, "first");
  assert.deepEqual(
    judged.respond.map(({ name }) => name),
    ["second"],
  );
  assert.deepEqual(
    judged.failed.map(({ rule }) => rule.name),
    ["broken"],
  );
});

test("rules/README.md: its rules load together, and its case comes out as it says", async () => {
  const text = await readFile(join(shipped, "README.md"), "utf8");
  const blocks = [...text.matchAll(/```yaml\n(.*?)```/gs)].map(([, block]) => block ?? "");
  const isCase = (block: string) => block.startsWith("cases:");
  const files = blocks.map((block, index) => ({ name: `${index}.yaml`, text: block }));
  const { set, problems } = parseRules(files.filter((file) => !isCase(file.text)));
  assert.deepEqual(problems, []);
  assert.ok(set);
  const [only] = parseRuleCases(files.filter((file) => isCase(file.text)));
  assert.ok(only);
  assert.deepEqual(runRuleCase(only, set).differences, []);
});
