import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError, milliseconds } from "@casemate/core";
import { LibvirtError } from "@casemate/host";
import { type AgentCommand, talkToAgent } from "./talk-to-agent.ts";

const file = { ask: "file", path: "/proc/modules", bytes: 100 } as const;
const budget = milliseconds(10_000);

/** libvirt's error with the agent's words, or its own. */
function failure(words: string): CasemateError {
  const cause = new LibvirtError({
    code: "libvirt/failed",
    message: "",
    number: 1,
    domain: 0,
    words,
  });
  return new CasemateError("libvirt/failed", `Cannot ask: libvirt said "${words}".`, { cause });
}

/** An agent that answers commands by their names, and what it was asked. */
function agent(answers: Readonly<Record<string, string | Error>>) {
  const asked: string[] = [];
  const execute: AgentCommand = async ({ execute: name, arguments: given }) => {
    asked.push(`${name} ${JSON.stringify(given ?? {})}`);
    const answer = answers[name];
    if (typeof answer === "string") return answer;
    throw answer ?? failure("unable to execute QEMU agent command: it is not there");
  };
  return { asked, execute };
}

test("talkToAgent: opens, reads and closes a file, and gives what was read as it came", async () => {
  const { asked, execute } = agent({
    "guest-file-open": '{"return":1000}',
    "guest-file-read": '{"return":{"count":0,"buf-b64":""}}',
    "guest-file-close": '{"return":{}}',
  });
  const answers = await talkToAgent(execute, budget)([file]);
  assert.deepEqual(answers, [{ kind: "said", text: '{"return":{"count":0,"buf-b64":""}}' }]);
  assert.deepEqual(asked, [
    'guest-file-open {"path":"/proc/modules","mode":"r"}',
    'guest-file-read {"handle":1000,"count":100}',
    'guest-file-close {"handle":1000}',
  ]);
});

test("talkToAgent: a handle that is no number goes nowhere", async () => {
  for (const handle of ['{"return":"1"}', '{"return":1e3}', '{"return":{"a":1}}', "", "1000"]) {
    const { asked, execute } = agent({ "guest-file-open": handle });
    const [answer] = await talkToAgent(execute, budget)([file]);
    assert.equal(answer?.kind, "refused");
    assert.equal(asked.length, 1);
  }
});

test("talkToAgent: goes on after a refusal, and not where nobody answers", async () => {
  const words = "unable to execute QEMU agent command 'guest-file-open': No such file or directory";
  const refuses = agent({ "guest-file-open": failure(words) });
  const refused = await talkToAgent(refuses.execute, budget)([file, file]);
  assert.deepEqual(refused, Array(2).fill({ kind: "refused", words }));
  const gone = agent({ "guest-file-open": failure("Guest agent is not responding") });
  const silent = await talkToAgent(gone.execute, budget)([file, file]);
  assert.deepEqual(
    silent,
    Array(2).fill({ kind: "silent", words: "Guest agent is not responding" }),
  );
  assert.equal(gone.asked.length, 1);
});

test("talkToAgent: neither an answer that never comes nor a program that never ends is waited for", async () => {
  const never: AgentCommand = () => new Promise(() => {});
  const [answer] = await talkToAgent(never, milliseconds(20))([file]);
  assert.deepEqual(answer?.kind, "silent");
  const { execute } = agent({
    "guest-exec": '{"return":{"pid":7}}',
    "guest-exec-status": '{"return":{"exited":false}}',
  });
  const [program] = await talkToAgent(execute, milliseconds(200))([{ ask: "processes" }]);
  assert.deepEqual(program?.kind, "silent");
});

test("talkToAgent: more than anybody reads is not taken", async () => {
  const { execute } = agent({ "guest-network-get-interfaces": "x".repeat(21 * 1024 * 1024) });
  const question = { ask: "interfaces" } as const;
  const answers = await talkToAgent(execute, budget)([question, question, question]);
  assert.deepEqual(
    answers.map(({ kind }) => kind),
    ["said", "silent", "silent"],
  );
});
