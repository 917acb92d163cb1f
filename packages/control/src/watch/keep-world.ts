import { setTimeout as sleep } from "node:timers/promises";
import { cutEvents, type HostAgent, type HostEvent, isolationFailed } from "@casemate/agent";
import { toCasemateError } from "@casemate/core";
import type { RequestRunner } from "../spine/request-runner.ts";
import type { Attribution, World } from "./world.ts";

/** Milliseconds after an operation in which libvirt's events may still be its own. */
const AFTERMATH = 500;

/** What hosts tell of VMs that is no change of them. */
const notChanges: readonly string[] = [isolationFailed, ...Object.values(cutEvents)];

/** Waits between attempts to record what could not be recorded, in milliseconds. */
const again = { first: 500, most: 5_000 };

/**
 * Follows what happens to a host's VMs, and records what nobody asked Casemate for.
 *
 * An operation's own changes are recorded by the operation, in the VM's turn; what differs from them
 * afterwards was nobody's. Disposing ends it and waits for what is under way.
 */
export function keepWorld(
  host: HostAgent,
  { world, runner }: { readonly world: World; readonly runner: RequestRunner },
  onError: (thrown: unknown) => void,
): AsyncDisposable {
  const underWay = new Set<Promise<void>>();
  const ended = new AbortController();
  const { signal } = ended;
  let behind = false;
  /** What could not be recorded differs from what was: it is found as soon as it can be. */
  const catchUp = async () => {
    for (let wait = again.first; behind && !signal.aborted; wait = Math.min(wait * 2, again.most)) {
      await sleep(wait, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      await reconcile(host, world, runner).then(() => {
        behind = false;
      }, onError);
    }
  };
  const follow = (work: () => Promise<void>) => {
    const running = work()
      .catch((thrown) => {
        onError(thrown);
        if (behind || !isStorage(thrown)) return;
        behind = true;
        follow(catchUp);
      })
      .finally(() => underWay.delete(running));
    underWay.add(running);
  };
  const subscription = host.subscribe((event) => {
    if (event.type === "connection") {
      if (event.what === "connected") follow(() => reconcile(host, world, runner));
      return;
    }
    const { vm } = event;
    // That nobody did: `keepIsolation` and `keepCuts` record it.
    if (vm === undefined || notChanges.includes(event.what)) return;
    if (!runner.isActing(vm.uuid, AFTERMATH)) {
      const by = { kind: "unknown", noticed: "event", event: describe(event) } as const;
      follow(() => observe(host, vm.uuid, by, world, runner));
      return;
    }
    // Most likely the operation's own; if it was not, the VM differs from what the operation left.
    follow(async () => {
      await sleep(AFTERMATH, undefined, { signal }).catch(() => {});
      await observe(host, vm.uuid, { kind: "unknown", noticed: "reconciliation" }, world, runner);
    });
  });
  if (host.status().connected) follow(() => reconcile(host, world, runner));
  return {
    async [Symbol.asyncDispose]() {
      subscription[Symbol.dispose]();
      ended.abort();
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}

async function observe(
  host: HostAgent,
  uuid: string,
  by: Attribution,
  world: World,
  { locks }: RequestRunner,
): Promise<void> {
  using _turn = await locks.acquire(uuid);
  await world.observe(host, uuid, by);
}

async function reconcile(host: HostAgent, world: World, runner: RequestRunner): Promise<void> {
  const unknown: Attribution = { kind: "unknown", noticed: "reconciliation" };
  await world.reconcile(host, (uuid) => (runner.isActing(uuid, AFTERMATH) ? undefined : unknown));
}

/** Whether it could be seen, but not written down. */
function isStorage(thrown: unknown): boolean {
  const { code } = toCasemateError(thrown);
  return code === "disk/full" || code === "data/not-writable";
}

function describe({ what, detail }: HostEvent): string {
  return detail === undefined || detail === "" ? what : `${what}: ${detail}`;
}
