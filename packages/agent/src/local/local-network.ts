import { CasemateError, toCasemateError } from "@casemate/core";
import {
  type CutTraffic,
  type ForensicChannel,
  noTraffic,
  VmCut,
  VmIsolation,
} from "@casemate/host";
import {
  type CutProcess,
  formatCutLabel,
  parseCutLabels,
  type StartedProcess,
} from "../hypervisor/cut-label.ts";
import type { DomainControl, DomainDescription } from "../hypervisor/domain-control.ts";
import {
  isKeptOff,
  isolatedLabel,
  type NetworkControl,
  type NetworkCut,
  type NetworkIsolation,
  type UnisolatedVm,
} from "../hypervisor/network-control.ts";
import { findTaps, tapOf } from "./find-taps.ts";
import type { HostContext } from "./host-context.ts";

/** Isolation of VMs, and of processes in them, of a libvirt that this process is connected to. */
export class LocalNetwork implements NetworkControl {
  readonly #context: HostContext;
  readonly #setLabels: DomainControl["setLabels"];
  /** The last that changes rules: each reads what it replaces. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(context: HostContext, setLabels: DomainControl["setLabels"]) {
    this.#context = context;
    this.#setLabels = setLabels;
  }

  async isolation(uuid: string, signal?: AbortSignal): Promise<NetworkIsolation> {
    const vm = await this.#context.find(uuid, signal);
    const { taps, keep, dropped, chains } = await this.#rulesOf(uuid).read(signal);
    const interfaces = interfacesOf(vm, taps).map(({ held: isolated, ...each }) => {
      return { ...each, isolated };
    });
    const labelled = vm.labels.includes(isolatedLabel);
    return { interfaces, keep, dropped, rules: chains.length > 0, labelled };
  }

  async check(
    uuid: string,
    channel: ForensicChannel | undefined,
    signal?: AbortSignal,
  ): Promise<void> {
    const taps = findTaps(await this.#context.find(uuid, signal));
    await this.#rulesOf(uuid).check(taps, channel, signal);
  }

  isolate(uuid: string, channel: ForensicChannel | undefined, signal?: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      const vm = await this.#context.find(uuid, signal);
      await this.#rulesOf(uuid).write(findTaps(vm), channel, signal);
      if (vm.labels.includes(isolatedLabel)) return;
      await this.#setLabels(uuid, [...vm.labels, isolatedLabel], signal);
    });
  }

  renew(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      const vm = await this.#context.find(uuid, signal);
      if (vm.runId === undefined) return;
      if (vm.labels.includes(isolatedLabel)) {
        const { interfaces } = await this.isolation(uuid, signal);
        const isWhole = interfaces.every(({ isolated }) => isolated);
        if (!isWhole) await this.#rulesOf(uuid).write(findTaps(vm), undefined, signal);
      }
      if (parseCutLabels(vm.labels).length > 0) {
        const { interfaces } = await this.cuts(uuid, signal);
        const isWhole = interfaces.every(({ cut }) => cut);
        if (!isWhole) await this.#cutOf(uuid).write(findTaps(vm), noTraffic, signal);
      }
    });
  }

  async renewAll(signal?: AbortSignal): Promise<readonly UnisolatedVm[]> {
    const vms = await this.#context.list(signal);
    const wanted = vms.filter(({ labels }) => isKeptOff(labels));
    const renewed = await Promise.all(
      wanted.map(async ({ uuid, name }) => {
        const failed = (thrown: unknown) => ({ uuid, name, cause: toCasemateError(thrown) });
        return await this.renew(uuid, signal).then(() => undefined, failed);
      }),
    );
    return renewed.filter((each) => each !== undefined);
  }

  release(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      const { labels } = await this.#context.find(uuid, signal);
      const others = labels.filter((label) => label !== isolatedLabel);
      // First, so that who is stopped in between leaves it isolated.
      if (others.length < labels.length) await this.#setLabels(uuid, others, signal);
      await this.#rulesOf(uuid).remove(signal);
    });
  }

  async cuts(uuid: string, signal?: AbortSignal): Promise<NetworkCut> {
    const vm = await this.#context.find(uuid, signal);
    const { taps, dropped, chains } = await this.#cutOf(uuid).read(signal);
    const interfaces = interfacesOf(vm, taps).map(({ held: cut, ...each }) => ({ ...each, cut }));
    const processes = parseCutLabels(vm.labels);
    return { processes, interfaces, dropped, rules: chains.length > 0 };
  }

  async checkCut(uuid: string, signal?: AbortSignal): Promise<void> {
    const taps = findTaps(await this.#context.find(uuid, signal));
    await this.#cutOf(uuid).check(taps, signal);
  }

  cut(uuid: string, process: CutProcess, traffic: CutTraffic, signal?: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      const vm = await this.#context.find(uuid, signal);
      await this.#cutOf(uuid).write(findTaps(vm), traffic, signal);
      const labels = [...without(vm.labels, process), formatCutLabel(process)];
      try {
        await this.#setLabels(uuid, labels, signal);
      } catch (thrown) {
        // Rules that no label tells of nobody would follow, nor take back.
        if (parseCutLabels(vm.labels).length === 0) await this.#cutOf(uuid).remove();
        throw thrown;
      }
    });
  }

  allow(uuid: string, traffic: CutTraffic, signal?: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      const vm = await this.#context.find(uuid, signal);
      if (parseCutLabels(vm.labels).length === 0) return; // somebody has taken it back
      const taps = findTaps(vm);
      const rules = this.#cutOf(uuid);
      const standing = (await rules.read(signal)).taps;
      if (taps.every((tap) => standing.includes(tap))) await rules.allow(traffic, signal);
      else await rules.write(taps, traffic, signal);
    });
  }

  rejoin(uuid: string, process: StartedProcess, signal?: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      const { labels } = await this.#context.find(uuid, signal);
      const others = without(labels, process);
      // First, so that who is stopped in between leaves it cut off.
      if (others.length < labels.length) await this.#setLabels(uuid, others, signal);
      if (parseCutLabels(others).length === 0) await this.#cutOf(uuid).remove(signal);
    });
  }

  #rulesOf(uuid: string): VmIsolation {
    this.#verifyLocal();
    return new VmIsolation(uuid);
  }

  #cutOf(uuid: string): VmCut {
    this.#verifyLocal();
    return new VmCut(uuid);
  }

  #verifyLocal(): void {
    if (this.#context.local) return;
    throw new CasemateError(
      "network/failed",
      "Cannot reach the VM's interfaces: its host is another machine, expected this one.",
      { next: "Run Casemate on the machine that runs the VM." },
    );
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const own = this.#last.then(change, change);
    this.#last = own;
    return own;
  }
}

/** The interfaces of a VM that runs, and which of them are among `taps`. */
function interfacesOf({ runId, nics }: DomainDescription, taps: readonly string[]) {
  return (runId === undefined ? [] : nics).map((nic) => {
    const tap = tapOf(nic);
    return { mac: nic.mac, tap, held: tap !== undefined && taps.includes(tap) };
  });
}

function without(labels: readonly string[], { pid, started }: StartedProcess): string[] {
  return labels.filter((label) => {
    const [cut] = parseCutLabels([label]);
    return cut?.pid !== pid || cut.started !== started;
  });
}
