import { setTimeout as sleep } from "node:timers/promises";
import { type Milliseconds, toCasemateError } from "@casemate/core";
import { LibvirtError, type QmpCommand } from "@casemate/host";
import type { AgentAnswer, AgentQuestion } from "@casemate/inspect";
import type { AgentTalk } from "../interview-agent.ts";

/** How long the agent may take for one command, in seconds. */
const PATIENCE = 5;
/** HOSTILE: all answers to one talk together are no longer, in characters. */
const MAX_LENGTH = 40 * 1024 * 1024;
/** Between two looks whether a program has ended, in milliseconds. */
const PROGRAM_WAIT = 50;

/** What libvirt says where the agent answered, but would not: all else means that there is no talking to it. */
const REFUSAL = /unable to execute QEMU agent command/;

/** Has the agent execute a command: its answer as libvirt writes it down. */
export type AgentCommand = (command: QmpCommand, seconds: number) => Promise<string>;

/** The agent is not asked any more; why, is its message. */
class Silence extends Error {}
/** The agent would not; its words are the message. HOSTILE. */
class Refusal extends Error {}

/**
 * A talk to the agent in a guest, for `budget` in all: what there is no time for any more, or nobody to answer,
 * is answered by silence. It asks for nothing but to read.
 *
 * HOSTILE: nothing that the agent says is looked into here but handles, which go back to it.
 */
export function talkToAgent(
  execute: AgentCommand,
  budget: Milliseconds,
  signal?: AbortSignal,
): AgentTalk {
  const ends = performance.now() + budget;
  let said = 0;
  let silence: Silence | undefined;

  const command = async (name: string, given?: QmpCommand["arguments"]): Promise<string> => {
    signal?.throwIfAborted();
    const left = ends - performance.now();
    if (left <= 0)
      throw new Silence(`The agent took more than ${budget} ms for what it was asked.`);
    const order = given === undefined ? { execute: name } : { execute: name, arguments: given };
    const seconds = Math.min(PATIENCE, Math.ceil(left / 1_000));
    const text = await inTime(execute(order, seconds), left, budget);
    said += text.length;
    if (said > MAX_LENGTH) throw new Silence(`The agent said more than ${MAX_LENGTH} characters.`);
    return text;
  };

  const put = async (question: AgentQuestion): Promise<string> => {
    switch (question.ask) {
      case "file":
        return await readFile(command, question);
      case "processes":
        return await runProgram(command, "ls", ["-1", "/proc"]);
      case "interfaces":
        return await command("guest-network-get-interfaces");
    }
  };

  const answer = async (question: AgentQuestion): Promise<AgentAnswer> => {
    if (silence !== undefined) return { kind: "silent", words: silence.message };
    try {
      return { kind: "said", text: await put(question) };
    } catch (thrown) {
      signal?.throwIfAborted();
      if (thrown instanceof Refusal) return { kind: "refused", words: thrown.message };
      if (!(thrown instanceof Silence)) throw thrown;
      silence = thrown;
      return { kind: "silent", words: thrown.message };
    }
  };

  return async (questions) => {
    const answers: AgentAnswer[] = [];
    for (const question of questions) answers.push(await answer(question));
    return answers;
  };
}

type Command = (name: string, given?: QmpCommand["arguments"]) => Promise<string>;

async function readFile(
  command: Command,
  { path, bytes }: AgentQuestion & { ask: "file" },
): Promise<string> {
  const opened = await command("guest-file-open", { path, mode: "r" });
  const [, number] = /^\{"return":(\d{1,15})\}$/.exec(opened) ?? [];
  if (number === undefined) throw new Refusal("The agent gave no handle of the file.");
  const handle = Number(number);
  try {
    return await command("guest-file-read", { handle, count: bytes });
  } finally {
    await command("guest-file-close", { handle }).catch(() => {}); // it was read: more is not wanted
  }
}

async function runProgram(command: Command, path: string, arg: readonly string[]): Promise<string> {
  const started = await command("guest-exec", { path, arg, "capture-output": true });
  const [, number] = /^\{"return":\{"pid":(\d{1,15})\}\}$/.exec(started) ?? [];
  if (number === undefined) throw new Refusal("The agent gave no number of the program.");
  for (;;) {
    await sleep(PROGRAM_WAIT);
    const status = await command("guest-exec-status", { pid: Number(number) });
    // What the program wrote is in base64, which has no quotes.
    if (!status.includes('"exited":false')) return status;
  }
}

/** The answer, or its failure as what it means for the talk. */
async function inTime(answer: Promise<string>, left: number, budget: number): Promise<string> {
  const waits = new AbortController();
  const late = sleep(left, undefined, { signal: waits.signal }).then(() => {
    throw new Silence(`The agent took more than ${budget} ms for what it was asked.`);
  });
  late.catch(() => {}); // it is only waited for beside the answer
  answer.catch(() => {}); // it may fail when nobody waits for it any more
  try {
    return await Promise.race([answer, late]);
  } catch (thrown) {
    if (thrown instanceof Silence) throw thrown;
    const { cause, message } = toCasemateError(thrown);
    const words = cause instanceof LibvirtError ? cause.message : message;
    throw REFUSAL.test(words) ? new Refusal(words) : new Silence(words);
  } finally {
    waits.abort();
  }
}
