import assert from "node:assert/strict";
import { test } from "node:test";
import type { AgentAnswer } from "./agent-question.ts";
import { fileAnswer } from "./answers.fixture.ts";
import { fileTopic } from "./file-topic.ts";
import { Interview } from "./interview.ts";
import type { Memory } from "./memory.ts";
import { moduleTopic } from "./module-topic.ts";
import { processTopic } from "./process-topic.ts";
import type { Subject } from "./topic.ts";

const topics = [moduleTopic];

/** Memory with modules at addresses, after so many changes. */
function memory(modules: Readonly<Record<string, string>>, generation = "0"): Memory {
  const subjects = Object.entries(modules).map(([name, address]): [string, Subject] => [
    `module ${name}`,
    {
      name: `Module ${name}`,
      identity: `module ${name} at ${address}`,
      traits: { address },
      isShown: true,
      place: { address },
    },
  ]);
  return new Map([[moduleTopic, { subjects: new Map(subjects), isWhole: true, generation }]]);
}

const says = (modules: Readonly<Record<string, string>>): AgentAnswer => ({
  kind: "said",
  text: fileAnswer(
    Object.entries(modules).map(([name, address]) => `${name} 4096 0 - Live ${address}`),
  ),
});

const both = { a: "0x1000", b: "0x2000" };

/** What is disputed in the end, where an agent is asked while memory is so and then so. */
function hold(
  looks: readonly Memory[],
  answers: readonly AgentAnswer[],
): {
  readonly rounds: number;
  readonly disputed: readonly string[];
  readonly interview: Interview;
} {
  const interview = new Interview();
  let rounds = 0;
  for (const look of looks) {
    if (interview.ask(look).length === 0) break;
    const answer = answers[Math.min(rounds, answers.length - 1)];
    interview.hear(answer === undefined ? [] : [answer]);
    rounds += 1;
  }
  return { rounds, disputed: interview.disputes.map(({ dispute }) => dispute.id), interview };
}

test("Interview: an agent that agrees is asked once", () => {
  const { rounds, disputed, interview } = hold([memory(both), memory(both)], [says(both)]);
  assert.deepEqual([rounds, disputed, interview.missedOf(topics)], [1, [], []]);
  assert.equal(interview.said.length, 1);
});

test("Interview: what is hidden, invented and contradicted every time is disputed", () => {
  const looks = Array.from({ length: 4 }, () => memory(both));
  const { rounds, disputed } = hold(looks, [says({ b: "0x9000", c: "0x3000" })]);
  assert.equal(rounds, 3);
  assert.deepEqual(disputed, [
    "hides module a at 0x1000",
    "contradicts address of module b at 0x2000",
    "invents module c",
  ]);
});

test("Interview: what came or went meanwhile is not disputed", () => {
  const one = { a: "0x1000" };
  assert.deepEqual(hold([memory(one), memory(both)], [says(one)]).disputed, []);
  assert.deepEqual(hold([memory(both), memory(one)], [says(one)]).disputed, []);
  assert.deepEqual(hold([memory(one), memory(both)], [says(both)]).disputed, []);
  const moved = memory({ ...both, b: "0x5000" });
  assert.deepEqual(hold([memory(both), moved], [says(one)]).disputed, []);
});

test("Interview: what may have come and gone between two looks is not disputed", () => {
  const one = { a: "0x1000" };
  const looks = ["0", "2", "4", "6"].map((generation) => memory(one, generation));
  assert.deepEqual(hold(looks, [says(both), says({})]).disputed, []);
});

test("Interview: what is disputed once is asked again, and was an accident where it is not disputed then", () => {
  const looks = Array.from({ length: 4 }, () => memory(both));
  const { rounds, disputed } = hold(looks, [says({ a: "0x1000" }), says(both)]);
  assert.deepEqual([rounds, disputed], [2, []]);
});

test("Interview: an agent that falls silent leaves what it said open, and that is told", () => {
  const looks = Array.from({ length: 4 }, () => memory(both));
  const silent: AgentAnswer = { kind: "silent", words: "It does not answer." };
  const { disputed, interview } = hold(looks, [says({}), silent]);
  assert.deepEqual(disputed, []);
  assert.deepEqual(interview.missedOf(topics), [
    { what: "what the agent says by /proc/modules", reason: "It does not answer.", count: 1 },
  ]);
});

test("Interview: what asking brings into memory is asked once before it counts", () => {
  const interview = new Interview();
  const cold = { subjects: new Map(), isWhole: false };
  const bytes = Buffer.from("forged").toString("base64");
  const answer = JSON.stringify({ return: { count: 6, "buf-b64": bytes, eof: true } });
  const path = "/etc/passwd";
  const file: Subject = {
    name: `File ${path}`,
    identity: `file ${path}, inode 1 2 3`,
    traits: { size: "3" },
    isShown: true,
    place: {},
  };
  const warm = { subjects: new Map([[`file ${path}`, file]]), isWhole: false };
  const looks = [cold, warm, warm, warm, warm].map((look) => new Map([[fileTopic, look]]));
  const asked = looks.map((look) => {
    const questions = interview.ask(look);
    interview.hear(questions.map(() => ({ kind: "said", text: answer })));
    return questions.length;
  });
  assert.deepEqual(asked.slice(2), [1, 1, 0]);
  assert.deepEqual(
    interview.disputes.map(({ dispute }) => dispute.id),
    [`contradicts size of file ${path}, inode 1 2 3`],
  );
});

test("Interview: an agent that is in a container speaks of that, and disputes nothing", () => {
  const init: Subject = {
    name: "Process 1 (init)",
    identity: "process 1 started at 0.01",
    traits: { name: "init", started: "1" },
    isShown: true,
    place: {},
  };
  const subjects = new Map([["process 1", init]]);
  const look = new Map([[processTopic, { subjects, isWhole: true, containers: new Set(["777"]) }]]);
  const fields = `1 (tini) S 0 1 1 0 -1 ${"0 ".repeat(13)}777 0`;
  const stat: AgentAnswer = { kind: "said", text: fileAnswer([fields]) };
  const none: AgentAnswer = { kind: "refused", words: "It has no ls." };
  const interview = new Interview();
  assert.equal(interview.ask(look).length, 2);
  interview.hear([none, stat]);
  assert.deepEqual([interview.ask(look), interview.disputes, interview.said], [[], [], []]);
  assert.match(interview.missedOf([processTopic])[1]?.reason ?? "", /is in a container/);
  const other = new Interview();
  other.ask(look);
  other.hear([none, { kind: "said", text: fileAnswer([fields.replace("777", "778")]) }]);
  assert.equal(other.ask(look).length, 1);
});

test("Interview: one that is given up tells why, and disputes nothing", () => {
  const interview = new Interview();
  interview.ask(memory(both));
  interview.hear([says({})]);
  interview.giveUp("Memory is gone.");
  assert.deepEqual([interview.ask(memory(both)), interview.disputes], [[], []]);
  assert.equal(interview.missedOf(topics)[0]?.reason, "Memory is gone.");
});
