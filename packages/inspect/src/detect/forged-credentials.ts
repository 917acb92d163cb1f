import { formatAddress, type Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { capabilitySets } from "../linux/capabilities.ts";
import { PF_KTHREAD } from "../linux/task-flags.ts";
import { walkThreads } from "../linux/walk-threads.ts";
import { walkProcesses } from "../views/processes.ts";
import { defineDetector, type Inspection } from "./detector.ts";
import type { Suspicion } from "./suspicion.ts";
import { type TaskIdentity, taskIdentity } from "./task-identity.ts";

/** Bits of capabilities (include/uapi/linux/capability.h). */
const CAP_SETGID_SETUID = (1n << 6n) | (1n << 7n);

const REMEDIATION =
  "Take a snapshot with memory for evidence, isolate the VM and end the process from outside; find the hole that let it rise, for the kernel must be mended before the VM runs on.";

/** Credentials that no way of the kernel's own leads to: stolen, written over, or grown without an exec. */
export const forgedCredentials = defineDetector({
  id: "forged-credentials",
  title: "Forged credentials",
  techniques: ["T1068", "T1548"],
  needs: ["kernelMetadata"],
  cost: "low",
  remembers: true,
  blindTo: [
    "A process that took new credentials in the kernel's own way between two sweeps and then ran another program: it looks as if doas had started that.",
    "Credentials that the kernel borrows for the time of one call, as overlay file systems do.",
  ],
  check({ kernel }, inspection) {
    const readTask = taskReader(kernel);
    const owners = new Map<Gva, SeenTask>();
    const before = lastSeen(inspection);
    const now = new Map<string, SeenTask>();
    kernel.each("task_struct", walkProcesses(kernel), (leader) => {
      for (const at of walkThreads(kernel, leader)) {
        const task = readTask(at);
        if (task === undefined) continue;
        inspection.looked();
        for (const suspicion of checkTask(task, owners)) inspection.report(suspicion);
        owners.set(task.cred.at, owners.get(task.cred.at) ?? task);
        const earlier = before.get(task.key);
        const rise = earlier && findRise(task, earlier);
        if (rise !== undefined) inspection.report(rise);
        // Of one that rose it stays known what it rose from.
        now.set(task.key, rise === undefined ? task : (earlier ?? task));
      }
    });
    inspection.kept.set("tasks", now);
  },
});

interface SeenCred {
  readonly at: Gva;
  readonly uids: readonly number[];
  readonly permitted: bigint;
  /** Whose account is charged for it, by `user` and `ucounts`; undefined where kernels do not say. */
  readonly user: number | undefined;
  readonly account: number | undefined;
  readonly usage: number;
  readonly isInit: boolean;
}

interface SeenTask extends ReturnType<TaskIdentity["describe"]> {
  readonly at: Gva;
  readonly tgid: number;
  /** Which of the programs it ran in its life it runs. */
  readonly execId: number;
  readonly isKernels: boolean;
  readonly cred: SeenCred;
}

type Tasks = ReadonlyMap<string, SeenTask>;

function lastSeen({ kept }: Inspection): Tasks {
  const seen = kept.get("tasks");
  return seen instanceof Map ? (seen as Tasks) : new Map(); // only this detector keeps it
}

function* checkTask(task: SeenTask, owners: ReadonlyMap<Gva, SeenTask>): Generator<Suspicion> {
  const { cred } = task;
  const other = owners.get(cred.at);
  if (other !== undefined && other.tgid !== task.tgid) {
    yield suspect(task, "shared", {
      title: `${task.name} has the very credentials of ${other.name}`,
      because: "The kernel makes each process credentials of its own: these were stolen.",
      expected: "credentials that no other process has",
      seen: `those of ${other.key}, task_struct ${formatAddress(other.at)}`,
    });
  }
  if (cred.isInit && !task.isKernels) {
    yield suspect(task, "init_cred", {
      title: `${task.name} has the kernel's own first credentials`,
      because: "init_cred is the idle task's: a program has it only where kernel code was tricked.",
      expected: "credentials of its own",
      seen: "init_cred",
    });
  }
  const [uid = 0] = cred.uids;
  if (cred.user !== undefined && cred.user !== uid) {
    yield suspect(task, "user", {
      title: `${task.name} says it is user ${uid}, and the kernel counts it as user ${cred.user}`,
      because:
        "Whoever changes users through the kernel is counted as the new one: memory was written over.",
      expected: `uid ${cred.user}, as cred->user says`,
      seen: `uid ${uid}`,
    });
  } else if (cred.account !== undefined && !cred.uids.includes(cred.account)) {
    yield suspect(task, "ucounts", {
      title: `${task.name} has user IDs that its account does not`,
      because:
        "Whoever changes users through the kernel is counted as the new one: memory was written over.",
      expected: `one of its user IDs to be ${cred.account}, as cred->ucounts says`,
      seen: `user IDs ${cred.uids.join(", ")}`,
    });
  }
  if (cred.usage <= 0) {
    yield suspect(task, "usage", {
      title: `${task.name} has credentials that the kernel has given up`,
      because: "Credentials in use count their users: these are a forgery, or freed memory.",
      expected: "at least one user",
      seen: `${cred.usage} users`,
    });
  }
}

/** Without running another program nobody gets privileges that were not there. */
function findRise(task: SeenTask, earlier: SeenTask): Suspicion | undefined {
  if (task.isKernels || earlier.execId !== task.execId) return undefined;
  const had = earlier.cred;
  const { uids, permitted } = task.cred;
  const maySetUsers = (had.permitted & CAP_SETGID_SETUID) !== 0n;
  const isRaised = uids.includes(0) && !had.uids.includes(0) && !maySetUsers;
  const gained = permitted & ~had.permitted;
  if (!isRaised && gained === 0n) return undefined;
  // Where it is root by its saved or real user, the kernel fills the sets itself.
  if (!isRaised && had.uids.includes(0)) return undefined;
  const words = capabilitySets(40)(gained).names.join(", ");
  return suspect(task, "rise", {
    title: `${task.name} became more privileged without running another program`,
    because: "The kernel has no way to that: a hole in it was used.",
    expected: `user IDs ${had.uids.join(", ")}, as in the sweep before`,
    seen: `user IDs ${uids.join(", ")}${gained === 0n ? "" : `, and the capabilities ${words}`}`,
  });
}

function suspect(
  { key, at, cred }: SeenTask,
  how: string,
  {
    expected,
    seen,
    ...words
  }: Pick<Suspicion, "title" | "because"> & { expected: string; seen: string },
): Suspicion {
  return {
    key: `${key}: ${how}`,
    ...words,
    severity: "critical",
    techniques: ["T1068", "T1548"],
    evidence: [
      {
        what: "struct cred",
        address: formatAddress(cred.at),
        ...{ expected, seen },
        path: ["init_task", "tasks", `task_struct ${formatAddress(at)}`, "real_cred"],
      },
    ],
    remediation: REMEDIATION,
  };
}

/** Reads what of a task matters here; `undefined` of one that is not there any more. */
function taskReader(kernel: KernelReader): Accessor<SeenTask | undefined> {
  const task = kernel.struct("task_struct");
  const tgid = task.number("tgid");
  const execId = task.number("self_exec_id");
  const flags = task.number("flags");
  const mm = task.pointer("mm");
  const pointer = task.pointer("real_cred");
  const identity = taskIdentity(kernel);
  const readCred = credReader(kernel);
  return (at) => {
    if (!identity.isAlive(at)) return undefined;
    return {
      ...{ at, tgid: tgid(at), execId: execId(at), cred: readCred(pointer(at)) },
      isKernels: (flags(at) & PF_KTHREAD) !== 0 || mm(at) === 0n,
      ...identity.describe(at),
    };
  };
}

/** Credentials, each read once: threads share them. */
function credReader(kernel: KernelReader): Accessor<SeenCred> {
  const cred = kernel.struct("cred");
  const uids = ["uid", "euid", "suid", "fsuid"].map((member) => cred.number(member));
  const permittedAt = cred.offset("cap_permitted");
  const user = cred.pointer("user");
  const userUid = kernel.struct("user_struct").number("uid");
  const account = cred.has("ucounts") ? cred.pointer("ucounts") : undefined;
  const accountUid = account && kernel.struct("ucounts").number("uid");
  const usage = cred.number("usage");
  const init = kernel.hasSymbol("init_cred") ? kernel.symbol("init_cred") : undefined;
  const known = new Map<Gva, SeenCred>();
  return (at) => {
    let read = known.get(at);
    if (read === undefined) {
      const owner = user(at);
      const counted = account?.(at) ?? 0n;
      read = {
        at,
        uids: uids.map((each) => each(at)),
        permitted: kernel.memory.u64(at, permittedAt),
        user: owner === 0n ? undefined : userUid(owner),
        account: counted === 0n ? undefined : accountUid?.(counted as Gva), // a pointer, as was read
        usage: usage(at),
        isInit: at === init,
      };
      known.set(at, read);
    }
    return read;
  };
}
