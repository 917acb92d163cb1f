import { formatAddress, type Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { isListedSocket } from "../linux/is-listed-socket.ts";
import { takeTaskCensus } from "../linux/task-census.ts";
import { walkBoundSockets } from "../linux/walk-bound-sockets.ts";
import { walkSockets } from "../linux/walk-sockets.ts";
import { scanObjects } from "../scan/scan-objects.ts";
import { socketObjects } from "../scan/socket-objects.ts";
import { taskObjects } from "../scan/task-objects.ts";
import { isWhole } from "../walk/is-whole.ts";
import type { Inspection } from "./detector.ts";
import { defineDetector } from "./detector.ts";
import { socketIdentity } from "./socket-identity.ts";
import { taskIdentity } from "./task-identity.ts";

const REMEDIATION =
  "Take a snapshot with memory for evidence and isolate the VM: what is in none of the kernel's structures was put there by code in the kernel. Restore a state from before it.";

/** Processes and sockets that lie in memory and that no structure of the kernel leads to. */
export const unlistedObjects = defineDetector({
  id: "unlisted-objects",
  title: "Processes and sockets in memory that nothing leads to",
  techniques: ["T1014", "T1564"],
  needs: ["kernelMetadata"],
  cost: "high",
  blindTo: [
    "Objects that were not allocated from the kernel's own caches.",
    "Tasks that say that they are dead, or have no number.",
  ],
  check({ kernel }, inspection) {
    // The scan comes first: what came to be meanwhile is then in the lists, and not only in memory.
    const { tasks, sockets } = scanMemory(kernel);
    checkTasks(kernel, tasks, inspection);
    checkSockets(kernel, sockets, inspection);
  },
});

/** Goes once through the descriptors of all pages, for both: that is most of what the detector costs. */
function scanMemory(kernel: KernelReader) {
  const task = kernel.attempt(() => taskObjects(kernel), "cache of tasks");
  const socket = kernel.attempt(() => socketObjects(kernel), "caches of sockets");
  const ofTasks = new Set(task?.caches);
  const tasks: Gva[] = [];
  const sockets: Gva[] = [];
  const walk = scanObjects(kernel, [...ofTasks, ...(socket?.caches ?? [])]);
  for (const object of kernel.attemptWalk(walk, "memory of tasks and sockets")) {
    kernel.attempt(
      () => {
        const { cache, inUse, address } = object;
        if (!ofTasks.has(cache)) {
          if (socket?.recognize(object) !== undefined) sockets.push(address);
        } else if (inUse && task?.recognize(object) !== undefined) tasks.push(address);
      },
      "object of a slab",
      object.address,
    );
  }
  return { tasks, sockets };
}

function checkTasks(
  kernel: KernelReader,
  candidates: readonly Gva[],
  inspection: Inspection,
): void {
  const { places, idle, complete } = takeTaskCensus(kernel);
  const { isAlive, describe } = taskIdentity(kernel);
  const references = kernel.struct("task_struct").number("usage");
  for (const at of candidates) {
    inspection.looked();
    // With none of the lists, nothing is unlisted.
    if (complete === 0 || places.has(at) || idle.has(at)) continue;
    kernel.attempt(
      () => {
        if (!isAlive(at) || references(at) <= 0) return;
        const { key, name } = describe(at);
        inspection.report({
          key,
          title: `${name} lies in memory, and nothing in the kernel leads to it`,
          severity: "critical",
          because: "A living task is in the list of tasks, in the pid table and in control groups.",
          techniques: ["T1014", "T1564"],
          evidence: [
            {
              what: "task_struct",
              address: formatAddress(at),
              expected: "in the list of tasks",
              seen: "allocated, in use and nowhere",
              path: ["task_struct_cachep", "slab", `task_struct ${formatAddress(at)}`],
            },
          ],
          remediation: REMEDIATION,
        });
      },
      "task_struct",
      at,
    );
  }
}

function checkSockets(
  kernel: KernelReader,
  candidates: readonly Gva[],
  inspection: Inspection,
): void {
  const known = new Set<Gva>();
  const isComplete = isWhole(kernel, () => {
    const owners = kernel.attemptWalk(walkBoundSockets(kernel), "owners of ports");
    for (const at of owners) known.add(at);
    for (const at of walkSockets(kernel)) known.add(at);
  });
  const isListed = isListedSocket(kernel);
  const identify = socketIdentity(kernel);
  for (const at of candidates) {
    inspection.looked();
    if (!isComplete || known.has(at)) continue;
    kernel.attempt(
      () => {
        if (!isListed(at)) return;
        const { key, name } = identify(at);
        inspection.report({
          key,
          title: `${name} lies in memory, and no table of sockets leads to it`,
          severity: "high",
          because: "A socket in its state is in the table by which its packets are told apart.",
          techniques: ["T1014", "T1564"],
          evidence: [
            {
              what: "struct sock",
              address: formatAddress(at),
              expected: "in the hash table of its protocol",
              seen: "allocated, in use and in none",
              path: ["proto_list", "proto.slab", "slab", `sock ${formatAddress(at)}`],
            },
          ],
          remediation: REMEDIATION,
        });
      },
      "sock",
      at,
    );
  }
}
