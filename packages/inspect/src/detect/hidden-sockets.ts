import { formatAddress, type Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { isListedSocket } from "../linux/is-listed-socket.ts";
import { AddressFamily } from "../linux/socket-names.ts";
import { SkState } from "../linux/socket-state.ts";
import { walkBoundSockets } from "../linux/walk-bound-sockets.ts";
import { type SocketFile, walkSocketFiles } from "../linux/walk-socket-files.ts";
import { walkSockets } from "../linux/walk-sockets.ts";
import { isWhole } from "../walk/is-whole.ts";
import { defineDetector } from "./detector.ts";
import { socketIdentity } from "./socket-identity.ts";
import type { Suspicion } from "./suspicion.ts";

/** Sockets that processes have open or that own a port, and that are not in the tables that the guest shows. */
export const hiddenSockets = defineDetector({
  id: "hidden-sockets",
  title: "Hidden sockets and ports",
  techniques: ["T1014", "T1564"],
  needs: ["kernelMetadata"],
  cost: "low",
  blindTo: [
    "A socket of the kernel's own that owns no port: unlisted-objects finds it by the memory it lies in.",
    "Sockets of kinds other than TCP, UDP, raw, packet and Unix.",
    "Programs and functions of the kernel that leave lines out of /proc/net: the detectors of hooks see those.",
  ],
  check({ kernel }, inspection) {
    // The tables come last: what came to be meanwhile is then in them, and not only in them.
    const files = readFiles(kernel);
    const bound = new Set(kernel.attemptWalk(walkBoundSockets(kernel), "owners of ports"));
    let hashed: ReadonlySet<Gva> = new Set();
    const isComplete = isWhole(kernel, () => {
      hashed = new Set(walkSockets(kernel));
    });
    const isListed = isListedSocket(kernel);
    const suspect = suspicions(kernel, files, bound);
    const isFull = fullSockets(kernel);
    for (const at of new Set([...files.keys(), ...bound])) {
      inspection.looked();
      if (!isComplete || hashed.has(at)) continue;
      const found = kernel.attempt(
        () => (isFull(at) && isListed(at) ? suspect(at) : undefined),
        "sock",
        at,
      );
      if (found !== undefined) inspection.report(found);
    }
  },
});

function readFiles(kernel: KernelReader): ReadonlyMap<Gva, SocketFile> {
  const files = new Map<Gva, SocketFile>();
  for (const file of walkSocketFiles(kernel)) files.set(file.sock, file);
  return files;
}

/** `sk_fullsock`: whether all of a `struct sock` is there; of what waits in TIME_WAIT it is not. */
function fullSockets(kernel: KernelReader): (at: Gva) => boolean {
  const common = kernel.struct("sock_common");
  const family = common.number("skc_family");
  const state = common.number("skc_state");
  return (at) => {
    const kind = family(at);
    if (kind !== AddressFamily.inet && kind !== AddressFamily.inet6) return true;
    const now = state(at);
    return now !== SkState.timeWait && now !== SkState.newSynRecv;
  };
}

function suspicions(
  kernel: KernelReader,
  files: ReadonlyMap<Gva, SocketFile>,
  bound: ReadonlySet<Gva>,
): (at: Gva) => Suspicion {
  const identify = socketIdentity(kernel);
  const task = kernel.struct("task_struct");
  const pid = task.number("tgid");
  const comm = task.string("comm");
  return (at) => {
    const { key, name } = identify(at);
    const file = files.get(at);
    const owner = file === undefined ? "" : ` of process ${pid(file.task)} (${comm(file.task)})`;
    const places = [
      ...(file === undefined ? [] : [`descriptor ${file.fd} of process ${pid(file.task)}`]),
      ...(bound.has(at) ? ["the owners of its port"] : []),
    ].join(" and ");
    const path =
      file === undefined
        ? ["inet_hashinfo", "bhash", "inet_bind_bucket", "owners"]
        : [
            `task_struct ${formatAddress(file.task)}`,
            "files",
            `fd[${file.fd}]`,
            "private_data",
            "sk",
          ];
    return {
      key,
      title: `${name}${owner} is hidden: it is in no table of sockets`,
      severity: "high",
      because:
        "The kernel finds a socket's packets by these tables and shows them as /proc/net; one that is used without being there was taken out.",
      techniques: ["T1014", "T1564"],
      evidence: [
        {
          what: "struct sock",
          address: formatAddress(at),
          expected: `in the hash table of its protocol, and ${places}`,
          seen: `in ${places} only`,
          path: [...path, `sock ${formatAddress(at)}`],
        },
      ],
      remediation:
        "Isolate the VM from the network, look at the process that has the socket, and restore a state from before it was opened.",
    };
  };
}
