import type { DomainDescription, HostAgent, HostEvent } from "@casemate/agent";
import { CasemateError, milliseconds, toCasemateError } from "@casemate/core";
import { type Allowances, DATA_CLASSES, type DataClass } from "@casemate/inspect";
import { isDear } from "@casemate/inspect/detectors";
import type { FactLog } from "../../facts/fact-log.ts";
import { type Gate, type VmResource, vmResource } from "../../spine/gate.ts";
import type { CleanStates } from "../clean-states/clean-states.ts";
import { watchActor } from "../findings/finding-facts.ts";
import type { Findings } from "../findings/findings.ts";
import type { SweepSettings } from "./sweep-settings.ts";
import { VmBudget } from "./vm-budget.ts";
import { VmGlances } from "./vm-glances.ts";
import { VmVerdicts, type VmWatchState } from "./vm-verdicts.ts";
import { watchPrincipal } from "./watch-principal.ts";

/** The sweeps over the VMs of one host. */
export interface Sweeps extends AsyncDisposable {
  /** What is known of a VM that runs; undefined of one that does not. */
  stateOf(uuid: string): VmWatchState | undefined;
  /** Sweeps now, with every detector that may look, whatever is left of the budget. Throws `vm/not-running`; what else keeps it from looking is in its state. */
  now(uuid: string): Promise<VmWatchState>;
}

/** What sweeps stand on. */
export interface SweepParts {
  readonly facts: FactLog;
  readonly gate: Gate;
  readonly findings: Findings;
  readonly cleanStates: CleanStates;
  /** What is no sign of an attack on a VM. */
  readonly allowancesOf: (vm: VmResource) => Allowances;
}

/** A VM that runs. */
interface Watched {
  readonly uuid: string;
  readonly watch: VmVerdicts;
  readonly budget: VmBudget;
  readonly glances: VmGlances;
  /** libvirt's number of its run, and since when that is known, in the host's time. */
  run: number | undefined;
  since: Date;
  timer: NodeJS.Timeout | undefined;
  nextAt: number | undefined;
  sweeping: Promise<void> | undefined;
  /** What was written down of the classes that are read. */
  told: string | undefined;
  /** How often it failed in a row. */
  failures: number;
}

/** When a VM is swept after one of its events, in milliseconds; events that are not here change nothing that is swept. */
const after: Readonly<Record<string, number>> = {
  started: 5_000,
  resumed: 1_000,
  reboot: 5_000,
};

/** From one attempt to the next where a guest could not be looked into, as while it boots, in milliseconds. */
const again = { first: 5_000, most: 10 * 60_000 };

/**
 * Sweeps every VM of the host that runs: at an interval, spread over it, soon after it starts or goes on, when
 * a glance shows that a module or a BPF program has come, and when it is asked for. What policies do not let the watch read is not read.
 *
 * Disposing ends it and waits for the sweep under way.
 */
export function keepSweeps(
  host: HostAgent,
  parts: SweepParts,
  settings: SweepSettings,
  onError: (thrown: unknown) => void,
): Sweeps {
  const watched = new Map<string, Watched>();
  const ended = new AbortController();
  const underWay = new Set<Promise<void>>();

  const follow = (work: Promise<void>) => {
    const running = work.catch(onError).finally(() => underWay.delete(running));
    underWay.add(running);
  };

  const plan = (each: Watched, wait: number) => {
    clearTimeout(each.timer);
    if (ended.signal.aborted) return;
    each.nextAt = Date.now() + wait;
    each.timer = setTimeout(() => follow(sweep(each)), wait);
  };

  const watch = (uuid: string, wait: number): Watched => {
    const each = watched.get(uuid) ?? begin(uuid);
    watched.set(uuid, each);
    plan(each, wait);
    return each;
  };

  const begin = (uuid: string): Watched => {
    const budget = new VmBudget(settings.cpuPerMinute, Date.now());
    const known = new VmVerdicts();
    const each: Watched = {
      ...{ uuid, budget, watch: known, failures: 0 },
      ...{ run: undefined, since: new Date() },
      ...{ timer: undefined, nextAt: undefined, sweeping: undefined, told: undefined },
      glances: new VmGlances({
        async take(signal) {
          if (!known.classes.includes("kernelMetadata")) return undefined;
          return await host.glance(uuid, milliseconds(settings.look), signal);
        },
        interval: settings.glanceInterval,
        mayTake: () => budget.left(Date.now()).low > 0,
        spend: (cpuMs) => budget.spendGlance(cpuMs, Date.now()),
        onChange: () => plan(each, 0),
      }),
    };
    return each;
  };

  /** What was known of it is of another guest. */
  const forget = (each: Watched) => {
    each.watch.forget();
    each.glances.forget();
    each.since = new Date();
  };

  const letGo = async (uuid: string) => {
    const each = watched.get(uuid);
    if (each === undefined) return;
    clearTimeout(each.timer);
    watched.delete(uuid);
    await each.sweeping;
    await each.glances.end();
    if (each.told !== undefined) await parts.facts.record(endedFact(host, uuid));
  };

  /** One at a time of a VM: whoever asks meanwhile waits for it. */
  const sweep = (each: Watched, whole = false): Promise<void> => {
    each.sweeping ??= sweepOnce(each, whole).finally(() => {
      each.sweeping = undefined;
    });
    return each.sweeping;
  };

  const sweepOnce = async (each: Watched, whole: boolean): Promise<void> => {
    let wait = spread(settings.interval);
    try {
      await look(each, whole);
      each.failures = 0;
    } catch (thrown) {
      if (ended.signal.aborted) return;
      const { code, message } = toCasemateError(thrown);
      each.watch.failure = { at: new Date().toISOString(), code, message };
      wait = Math.min(again.first * 2 ** each.failures, again.most);
      each.failures += 1;
      // What is the guest's matter is in its state; what is Casemate's own is for whoever runs it.
      if (!/^(vm|memory|kernel|inspect|libvirt)\//.test(code)) onError(thrown);
    }
    if (watched.get(each.uuid) !== each) return;
    plan(each, wait);
    if (each.watch.failure === undefined && each.told !== undefined) each.glances.resume();
  };

  /** Has all detectors look that may, where it is to be `whole`; else those whose turn it is. */
  const look = async (each: Watched, whole: boolean): Promise<void> => {
    const { uuid, watch: known, budget, glances, told } = each;
    const { signal } = ended;
    const vm = await host.hypervisor.domains.find(uuid, signal);
    if (vm.runId === undefined) throw notRunning(vm);
    // Its event may come later.
    if (each.run !== undefined && each.run !== vm.runId) forget(each);
    each.run = vm.runId;
    const { since } = each;
    const resource = vmResource(vm, host);
    known.classes = DATA_CLASSES.filter((one) => mayRead(parts.gate, resource, one));
    const now = Date.now();
    const chosen = whole
      ? known.permitted
      : known.choose(budget.left(now), now, settings.highCostInterval);
    if (chosen.length === 0) return;
    await tell(uuid, known.classes, told);
    const snapshots = await host.hypervisor.snapshots.list(uuid, signal);
    const listedAt = new Date();
    await glances.pause();
    const swept = await host.sweep(
      uuid,
      {
        detectors: chosen,
        classes: known.classes,
        budget: milliseconds(settings.look),
        allowances: parts.allowancesOf(resource),
        withDisks: chosen.some(isDear),
      },
      signal,
    );
    budget.spend(swept, Date.now());
    known.sweptBy(swept, Date.now());
    const { verdicts, takenAt } = swept;
    const { untold } = await parts.findings.observe({ vm: resource, verdicts, at: takenAt });
    known.untold = untold;
    // What was swept may have ended meanwhile: then it tells of no run.
    if (watched.get(uuid) !== each || each.since !== since) return;
    await parts.cleanStates.observe({
      ...{ vm: resource, snapshots, listedAt, since, bootedAt: glances.bootedAt },
      ...{ latest: known.latest, permitted: known.permitted.length, untold: untold > 0 },
    });
  };

  /** That it is looked into stands in the ledger before the first look, and again where more or less is read. */
  const tell = async (
    uuid: string,
    classes: readonly DataClass[],
    told: string | undefined,
  ): Promise<void> => {
    if (told === classes.join()) return;
    await parts.facts.record({
      kind: "watch/began",
      actor: watchActor,
      subject: `vm:${uuid}`,
      body: { host: host.id, classes: [...classes], interval: settings.interval },
    });
    const each = watched.get(uuid);
    if (each !== undefined) each.told = classes.join();
  };

  const hear = ({ type, what, vm, detail }: HostEvent) => {
    if (type === "connection") {
      if (what === "connected") follow(findAll());
      return;
    }
    if (vm === undefined) return;
    if (what === "stopped") {
      follow(letGo(vm.uuid));
      return;
    }
    const wait = after[what];
    if (wait === undefined) return;
    // It has started anew, or goes on from another state.
    const isAnother = what !== "resumed" || detail?.includes("snapshot") === true;
    const each = watched.get(vm.uuid);
    if (isAnother && each !== undefined) forget(each);
    watch(vm.uuid, wait);
  };

  const findAll = async (): Promise<void> => {
    const present = await host.hypervisor.domains.list(ended.signal);
    const running = present.filter(({ runId }) => runId !== undefined);
    for (const { uuid } of running) {
      if (!watched.has(uuid)) watch(uuid, Math.random() * settings.interval);
    }
    for (const uuid of watched.keys()) {
      if (running.every((vm) => vm.uuid !== uuid)) await letGo(uuid);
    }
  };

  const describe = ({ watch: known, nextAt, budget }: Watched): VmWatchState => ({
    ...known.describe(),
    nextSweep: nextAt === undefined ? undefined : new Date(nextAt).toISOString(),
    budget: budget.describe(Date.now()),
  });

  const subscription = host.subscribe(hear);
  if (host.status().connected) follow(findAll());
  return {
    stateOf(uuid) {
      const each = watched.get(uuid);
      return each && describe(each);
    },
    async now(uuid) {
      const vm = await host.hypervisor.domains.find(uuid);
      if (vm.runId === undefined) throw notRunning(vm);
      const each = watched.get(uuid) ?? watch(uuid, settings.interval);
      // What is under way may be one of the small ones.
      await each.sweeping;
      await sweep(each, true);
      return describe(each);
    },
    async [Symbol.asyncDispose]() {
      subscription[Symbol.dispose]();
      ended.abort();
      for (const { timer } of watched.values()) clearTimeout(timer);
      while (underWay.size > 0) await Promise.all(underWay);
      await Promise.all([...watched.values()].map(({ sweeping }) => sweeping));
      await Promise.all([...watched.values()].map(({ glances }) => glances.end()));
    },
  };
}

/** Whether policies let the watch read that class of a VM's data. */
function mayRead(gate: Gate, resource: VmResource, dataClass: DataClass): boolean {
  const decision = gate.decide({
    principal: watchPrincipal,
    actions: [`vm.inspect.${dataClass}`],
    resource,
    dataClasses: [dataClass],
    source: "system",
  });
  return decision.kind === "permitted";
}

/** Not all at one moment: a tenth earlier or later. */
function spread(interval: number): number {
  return interval * (0.9 + Math.random() * 0.2);
}

function endedFact({ id }: HostAgent, uuid: string) {
  return {
    kind: "watch/ended",
    actor: watchActor,
    subject: `vm:${uuid}`,
    body: { host: id },
  } as const;
}

function notRunning({ name, state }: DomainDescription): CasemateError {
  return new CasemateError(
    "vm/not-running",
    `Cannot sweep ${name}: it is ${state}, expected it to run.`,
  );
}
