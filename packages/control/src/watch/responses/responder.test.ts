import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openSpine, people } from "../../../test/spine.fixture.ts";
import { suspicionOf, verdictOf } from "../../../test/verdicts.ts";
import { rebuildProjections } from "../../facts/rebuild-projections.ts";
import { vmResource } from "../../spine/gate.ts";
import { checkEvidence } from "../evidence/check-evidence.ts";

const never = new AbortController().signal;

/** A control plane with one rule, on a VM that runs. */
async function open(t: TestContext, rule: string, channels: readonly string[] = []) {
  const ruleDirectory = await mkdtemp(join(tmpdir(), "casemate-rules-"));
  t.after(() => rm(ruleDirectory, { recursive: true, force: true }));
  const write = (text: string) => writeFile(join(ruleDirectory, "a.yaml"), `rules:\n${text}\n`);
  await write(rule);
  const fixture = await openSpine(t, { ruleDirectory, channels });
  const { services, host, vm } = fixture;
  const { findings, responder } = services;
  return {
    ...fixture,
    write,
    sweep: async (key: string | undefined) => {
      const resource = vmResource(await host.hypervisor.domains.find(vm.uuid), host);
      const suspicions = key === undefined ? [] : [suspicionOf(key)];
      await findings.observe({ vm: resource, verdicts: [verdictOf(suspicions)], at: new Date() });
      await responder.idle();
    },
    answers: async () => {
      const [finding] = await findings.list();
      assert.ok(finding);
      return await responder.answersTo(finding.id);
    },
    state: async () => (await host.hypervisor.domains.find(vm.uuid)).state,
  };
}

test("Responder: a dry run says once what would be done, and does nothing", async (t) => {
  const rule = '  - { name: hold, when: "true", respond: [{ response: pause }] }';
  const { sweep, answers, state, services, directory, close } = await open(t, rule);
  await sweep("1");
  await sweep("1");
  const [answer, ...others] = await answers();
  assert.deepEqual(others, []);
  assert.equal(answer?.state, "rehearsed");
  assert.equal(answer.decision, "permitted");
  assert.match(answer.steps.join(), /^Pause /);
  assert.equal(await state(), "running");
  assert.deepEqual(await services.requests.list(), []);
  await sweep(undefined);
  await sweep("1");
  assert.equal((await answers()).length, 2, "it was opened again");
  await close();
  const { tables } = await rebuildProjections(directory);
  for (const { name, equal } of tables) assert.ok(equal, name);
});

test("Responder: a rule that acts has the spine do it, as the watch, with the rule named", async (t) => {
  const rule = '  - { name: hold, when: "true", mode: act, respond: [{ response: pause }] }';
  const { sweep, answers, state, services } = await open(t, rule);
  await sweep("1");
  assert.equal(await state(), "paused");
  const [answer] = await answers();
  assert.equal(answer?.state, "ordered");
  const request = await services.requests.get(answer.id);
  assert.equal(request.state, "done", request.message);
  assert.equal(request.requester.account, "system:watch");
  assert.deepEqual(request.origin, { rule: "hold", finding: answer.finding, asks: 0 });
  const facts = await Array.fromAsync(services.ledger.walk());
  const intended = facts.find(({ kind }) => kind === "operation/intended");
  assert.equal(intended?.actor, "system:watch");
});

test("Responder: a rule that notifies has its channels told, which findings show", async (t) => {
  const rule = (mode: string) =>
    `  - { name: call, when: "true", mode: ${mode}, respond: [{ response: notify, parameters: { channels: [night] } }] }`;
  const { write, sweep, answers, services } = await open(t, rule("dry-run"), ["night", "siem"]);
  const { rules, findings } = services;
  await sweep("1");
  const told = async () => rules.channelsOf((await findings.list())[0] ?? assert.fail());
  assert.equal(await told(), undefined, "all are told, as without the rule");
  assert.deepEqual(rules.channels, ["night", "siem"]);
  await write(rule("act"));
  await rules.reload();
  assert.deepEqual(await told(), ["night"]);
  await sweep(undefined);
  await sweep("1");
  await sweep("1");
  const given = await answers();
  assert.deepEqual(
    given.map(({ state, operation }) => [state, operation]),
    [
      ["rehearsed", undefined],
      ["told", undefined],
    ],
  );
  assert.deepEqual(given[1]?.steps, ["Tell night of it, and of what becomes of it."]);
  await write(rule("act").replace("night", "day"));
  await assert.rejects(rules.reload(), { code: "rule/invalid", message: /no channel day/ });
});

test("Responder: a rule that asks waits for a security officer, whatever policies permit", async (t) => {
  const rule =
    '  - { name: hold, when: "true", mode: act, approvals: 1, respond: [{ response: pause }] }';
  const { sweep, answers, state, services } = await open(t, rule);
  await sweep("1");
  const [answer] = await answers();
  assert.ok(answer);
  const { planHash, state: waiting } = await services.requests.get(answer.id);
  assert.equal(waiting, "awaiting-approval");
  assert.equal(await state(), "running");
  const { spine } = services;
  await spine.approve(answer.id, { principal: people.sofia, planHash, signature: null }, never);
  assert.equal((await spine.settled(answer.id, never)).state, "done");
  assert.equal(await state(), "paused");
});

test("Responder: a rule that saves evidence leaves a bundle that is sealed, of its finding", async (t) => {
  const rule =
    '  - { name: keep, when: "true", mode: act, respond: [{ response: save-evidence }] }';
  const { sweep, answers, services, directory } = await open(t, rule);
  await sweep("1");
  const [answer] = await answers();
  assert.equal(answer?.state, "ordered", answer?.message);
  const [saved] = await services.evidence.list();
  assert.equal(saved?.id, answer.id);
  assert.equal(saved.by, "system:watch");
  assert.deepEqual(saved.findings, [answer.finding]);
  const key = services.ledger.keys[0]?.key;
  const { verdict, seal } = await checkEvidence(
    join(directory, "evidence", `${saved.id}.tar`),
    { key },
    never,
  );
  assert.equal(verdict, "sealed");
  assert.ok(seal?.facts.some(({ kind }) => kind === "response/ordered"));
});

test("Responder: what a rule may not have done, or cannot, is said to somebody", async (t) => {
  const rule = `  - { name: hold, when: "true", mode: act, respond: [{ response: pause }] }
  - { name: back, when: "true", mode: act, respond: [{ response: restore, parameters: { snapshot: none } }] }
  - { name: clean, when: "true", mode: act, respond: [{ response: revert }] }
  - { name: end, when: "true", mode: act, respond: [{ response: kill-process }] }`;
  const { sweep, answers, alarms, host, vm } = await open(t, rule);
  await host.hypervisor.domains.destroy(vm.uuid, {});
  await sweep("1");
  const given = await answers();
  assert.deepEqual(
    given.map(({ state }) => state),
    ["failed", "failed", "failed", "failed"],
  );
  assert.match(given.find(({ rule: name }) => name === "hold")?.message ?? "", /Cannot pause/);
  const clean = given.find(({ rule: name }) => name === "clean");
  assert.match(clean?.message ?? "", /no sweep has found one of its snapshots clean/);
  const end = given.find(({ rule: name }) => name === "end");
  assert.match(end?.message ?? "", /about no process/);
  assert.equal(alarms.length, 4);
  await sweep("process 731 started at 3000.00");
  const named = (await answers()).filter(({ rule: name }) => name === "end");
  assert.deepEqual(
    named.map(({ operation }) => operation),
    ["vm.process.kill"],
  );
});

test("rules.change: rules that are wrong leave those that decide, right ones take their place", async (t) => {
  const rule = '  - { name: hold, when: "true", severity: low }';
  const { write, services, sweep } = await open(t, rule);
  const { spine, rules } = services;
  const before = rules.version;
  const change = () => ({
    ...{ id: randomUUID(), operation: "rules.change", target: { kind: "system" } as const },
    ...{ parameters: {}, principal: people.sofia },
  });
  await write('  - { name: hold, when: "finding.nope", severity: high }');
  await assert.rejects(spine.submit(change(), never), { code: "operation/refused" });
  assert.equal(rules.version, before);
  await write('  - { name: hold, when: "true", severity: critical, because: It is so. }');
  // Who asks and who approves each needs a second factor, which these people have not set up.
  const asked = await spine.submit(change(), never);
  assert.equal(asked.state, "awaiting-approval");
  assert.equal(asked.duties[0]?.by, "owner");
  await rules.reload();
  assert.notEqual(rules.version, before);
  await sweep("1");
  const [finding] = await services.findings.list();
  assert.equal(finding?.severity, "critical");
  assert.equal(finding.severityBy, "rule hold");
  assert.equal(finding.because, "It is so.");
});
