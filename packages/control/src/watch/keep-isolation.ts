import { setTimeout as sleep } from "node:timers/promises";
import { type HostAgent, isolationFailed } from "@casemate/agent";
import { toCasemateError } from "@casemate/core";
import type { FactLog } from "../facts/fact-log.ts";
import { watchActor } from "./findings/finding-facts.ts";

/** What keeping VMs isolated stands on. */
export interface IsolationParts {
  readonly facts: FactLog;
  /** Hears of what somebody must see now. */
  readonly alarm: (sentence: string) => void;
}

/** Waits between attempts to isolate a VM, in milliseconds. */
const again = { first: 5_000, most: 60_000 };

/**
 * Sees to it that a VM which is to be kept off the network, or processes in it, and is not never has it in
 * silence: that is recorded, said, and tried again until it is, or need not be.
 *
 * Disposing ends it and waits for what is under way. `onError` hears of what could not be recorded.
 */
export function keepIsolation(
  host: HostAgent,
  { facts, alarm }: IsolationParts,
  onError: (thrown: unknown) => void,
): AsyncDisposable {
  const { network } = host.hypervisor;
  const ended = new AbortController();
  const { signal } = ended;
  const underWay = new Map<string, Promise<void>>();

  /** One at a time of a VM: what fails meanwhile is the same failure. */
  const follow = (key: string, work: () => Promise<void>) => {
    if (signal.aborted || underWay.has(key)) return;
    const running = work()
      .catch((thrown) => {
        if (!signal.aborted) onError(thrown);
      })
      .finally(() => underWay.delete(key));
    underWay.set(key, running);
  };

  const record = (kind: string, uuid: string, message?: string) =>
    facts.record({
      kind,
      actor: watchActor,
      subject: `vm:${uuid}`,
      body: { host: host.id },
      ...(message === undefined ? {} : { sealed: { message: message.toWellFormed() } }),
    });

  const insist = async (uuid: string, name: string, why: string) => {
    // First, whatever else fails.
    alarm(`${name} is to be kept off the network, or processes in it, and may have it: ${why}`);
    await record("isolation/failed", uuid, why);
    for (let wait = again.first; ; wait = Math.min(wait * 2, again.most)) {
      await sleep(wait, undefined, { signal });
      try {
        await network.renew(uuid, signal);
        await record("isolation/renewed", uuid);
        return;
      } catch (thrown) {
        // Gone, or off: when it starts again, it is isolated then.
        if (/^vm\//.test(toCasemateError(thrown).code)) return;
      }
    }
  };

  const insistOnAll = async () => {
    for (const { uuid, name, cause } of await network.renewAll(signal)) {
      follow(uuid, () => insist(uuid, name, cause.message));
    }
  };

  const subscription = host.subscribe(({ what, vm, detail = "" }) => {
    if (what !== isolationFailed) return;
    if (vm !== undefined) follow(vm.uuid, () => insist(vm.uuid, vm.name, detail));
    else
      alarm(
        `Whether the VMs of ${host.name} are kept off the network that are to be is not known: ${detail}`,
      );
  });
  // What failed before anybody listened.
  if (host.status().connected) follow("", insistOnAll);
  return {
    async [Symbol.asyncDispose]() {
      subscription[Symbol.dispose]();
      ended.abort();
      while (underWay.size > 0) await Promise.all(underWay.values());
    },
  };
}
