import { cutEvents, type HostAgent, type HostEvent } from "@casemate/agent";
import { toCasemateError } from "@casemate/core";
import type { FactLog } from "../facts/fact-log.ts";
import type { RequestRunner } from "../spine/request-runner.ts";
import { watchActor } from "./findings/finding-facts.ts";
import type { World } from "./world.ts";

/** What keeping processes cut off stands on. */
export interface CutParts {
  readonly facts: FactLog;
  readonly world: World;
  readonly runner: Pick<RequestRunner, "locks">;
  /** Hears of what somebody must see now. */
  readonly alarm: (sentence: string) => void;
}

/**
 * Sees to what becomes of processes that are cut off the network: once one has ended, with all that descended
 * from it, its cut is lifted, which is recorded first; where its guest cannot be followed any more, that is
 * recorded and said.
 *
 * Disposing ends it and waits for what is under way. `onError` hears of what could not be recorded or lifted;
 * the host tells of an end until it is.
 */
export function keepCuts(
  host: HostAgent,
  { facts, world, runner, alarm }: CutParts,
  onError: (thrown: unknown) => void,
): AsyncDisposable {
  const underWay = new Map<string, Promise<void>>();

  /** One at a time of a VM and process. */
  const follow = (key: string, work: () => Promise<void>) => {
    if (underWay.has(key)) return;
    underWay.set(
      key,
      work()
        .catch(onError)
        .finally(() => underWay.delete(key)),
    );
  };

  const record = (kind: string, uuid: string, detail: string) =>
    facts.record({
      kind,
      actor: watchActor,
      subject: `vm:${uuid}`,
      body: { host: host.id },
      sealed: { message: detail.toWellFormed() },
    });

  const lift = async (uuid: string, name: string) => {
    const [pid = "", started = ""] = name.split("@");
    using _turn = await runner.locks.acquire(uuid);
    const process = { pid: Number(pid), started };
    const { processes } = await host.cuts.read(uuid);
    if (!processes.some((each) => each.pid === process.pid && each.started === started)) return;
    await record("cut/ended", uuid, `process ${pid} started at ${started}`);
    await host.cuts.rejoin(uuid, process);
    await world.observe(host, uuid, { kind: "watch", fact: "cut/ended" });
  };

  const hear = ({ what, vm, detail = "" }: HostEvent) => {
    if (vm === undefined) return;
    const { uuid, name } = vm;
    const key = `${uuid} ${detail}`;
    switch (what) {
      case cutEvents.ended:
        follow(key, () => lift(uuid, detail).catch(passOverGone));
        break;
      case cutEvents.stale:
        alarm(
          `Whose the connections of ${name} are is not known any more; of what is new in it nothing passes: ${detail}`,
        );
        follow(key, () => record("cut/stale", uuid, detail).then(() => {}));
        break;
      case cutEvents.followed:
        follow(key, () => record("cut/followed", uuid, "").then(() => {}));
        break;
    }
  };

  const subscription = host.subscribe(hear);
  return {
    async [Symbol.asyncDispose]() {
      subscription[Symbol.dispose]();
      while (underWay.size > 0) await Promise.all(underWay.values());
    },
  };
}

/** A VM that is gone has no cut. */
function passOverGone(thrown: unknown): void {
  if (toCasemateError(thrown).code !== "vm/unknown") throw thrown;
}
