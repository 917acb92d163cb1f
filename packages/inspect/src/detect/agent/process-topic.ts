import { formatAddress } from "@casemate/core";
import { TaskPlace, takeTaskCensus } from "../../linux/task-census.ts";
import { PF_KTHREAD } from "../../linux/task-flags.ts";
import { taskPids } from "../../linux/task-pids.ts";
import { isWhole } from "../../walk/is-whole.ts";
import { taskIdentity } from "../task-identity.ts";
import { unfit } from "./answer-value.ts";
import { parseFileLines, parseProgramLines } from "./file-lines.ts";
import type { Source, Statement, Subject, Topic, Traits } from "./topic.ts";

/** Places of what /proc shows: what is elsewhere alone is being made, or has ended. */
const SHOWN = TaskPlace.list | TaskPlace.pids;
/** Nanoseconds of a tick of `USER_HZ`, in which /proc counts. */
const TICK = 10_000_000n;
/** HOSTILE: a guest may have millions of processes; so many are asked for one by one. */
const MAX_ASKED = 4_000;
const STAT_BYTES = 4_096;

const PREFIX = "process ";
const keyOf = (pid: number) => `${PREFIX}${pid}`;

/** Processes: those that /proc lists, and what it says of each. */
export const processTopic: Topic = {
  title: "processes",
  recall({ kernel }) {
    const type = kernel.struct("task_struct");
    const [pid, tgid, flags] = [type.number("pid"), type.number("tgid"), type.number("flags")];
    const comm = type.string("comm");
    const parent = type.number("real_parent->tgid");
    const started = type.bigint("start_boottime", "real_start_time");
    const identity = taskIdentity(kernel);
    const numbers = taskPids(kernel);
    const containers = new Set<string>();
    const subjects = new Map<string, Subject>();
    const whole = isWhole(kernel, () => {
      const { places } = takeTaskCensus(kernel);
      for (const [at, place] of places) {
        if ((place & SHOWN) === 0) continue;
        kernel.attempt(
          () => {
            const number = pid(at);
            if (number === 0 || number !== tgid(at)) return;
            const { key, name } = identity.describe(at);
            const { namespacePids } = numbers(at);
            if (namespacePids.length > 1 && namespacePids.at(-1) === 1) {
              containers.add(`${started(at) / TICK}`);
            }
            const isUser = (flags(at) & PF_KTHREAD) === 0;
            subjects.set(keyOf(number), {
              name,
              identity: key,
              traits: {
                started: `${started(at) / TICK}`,
                parent: `${parent(at)}`,
                // /proc tells of the kernel's threads what they work on.
                ...(isUser ? { name: comm(at) } : {}),
              },
              isShown: !identity.isNew(at),
              place: { address: formatAddress(at), path: pathOf(place, formatAddress(at)) },
            });
          },
          "task_struct",
          at,
        );
      }
    });
    return { subjects, isWhole: whole, containers };
  },
  isElsewhere({ named }, { subjects, containers }) {
    const said = named.get(keyOf(1))?.["started"];
    if (said === undefined || said === subjects.get(keyOf(1))?.traits["started"]) return false;
    return containers?.has(said) === true;
  },
  sources({ subjects }) {
    // Of the kernel's own threads, which have no name here, the list tells enough.
    const programs = [...subjects].filter(([, { traits }]) => traits["name"] !== undefined);
    return [listing, ...programs.slice(0, MAX_ASKED).map(([key]) => statSource(key))];
  },
};

function pathOf(place: number, task: string): readonly string[] {
  const from = (place & TaskPlace.list) === 0 ? ["init_pid_ns", "idr"] : ["init_task", "tasks"];
  return [...from, `task_struct ${task}`];
}

/** What `ls /proc` shows; of a name that is no number nothing is said. */
const listing: Source = {
  via: "its list of /proc",
  question: { ask: "processes" },
  parse(answer) {
    const { lines, isWhole: isAll } = parseProgramLines(answer);
    const named = new Map<string, Traits>();
    for (const line of lines) if (/^\d{1,7}$/.test(line)) named.set(keyOf(Number(line)), {});
    return { named, denies: (key) => isAll && !named.has(key) };
  },
};

function statSource(key: string): Source {
  const path = `/proc/${key.slice(PREFIX.length)}/stat`;
  return {
    via: path,
    question: { ask: "file", path, bytes: STAT_BYTES },
    about: key,
    parse: (answer) => parseStat(key, answer),
  };
}

/** proc_pid_stat(5): a name in brackets, which may hold any of them, and numbers. */
function parseStat(key: string, answer: string): Statement {
  const text = parseFileLines(answer).lines.join("\n");
  const [, pid = "", name = "", rest = ""] = /^(\d{1,7}) \((.*)\) (.*)$/s.exec(text) ?? [];
  const fields = rest.split(" ");
  // The state is the third field, the parent the fourth, the start the twenty-second.
  const [parent, started] = [fields[1], fields[19]];
  if (keyOf(Number(pid)) !== key || parent === undefined || started === undefined) {
    throw unfit("another file than a process's stat");
  }
  return { named: new Map([[key, { name, parent, started }]]), denies: () => false };
}
