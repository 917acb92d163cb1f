import { CasemateError, toCasemateError } from "@casemate/core";
import { type ForensicChannel, VmIsolation } from "@casemate/host";
import type { DomainControl } from "../hypervisor/domain-control.ts";
import {
  isolatedLabel,
  type NetworkControl,
  type NetworkIsolation,
  type UnisolatedVm,
} from "../hypervisor/network-control.ts";
import { findTaps, tapOf } from "./find-taps.ts";
import type { HostContext } from "./host-context.ts";

/** Isolation of VMs of a libvirt that this process is connected to. */
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
    const { runId, nics, labels } = await this.#context.find(uuid, signal);
    const { taps, keep, dropped, chains } = await this.#rulesOf(uuid).read(signal);
    const interfaces = (runId === undefined ? [] : nics).map((nic) => {
      const tap = tapOf(nic);
      return { mac: nic.mac, tap, isolated: tap !== undefined && taps.includes(tap) };
    });
    const labelled = labels.includes(isolatedLabel);
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
      if (!vm.labels.includes(isolatedLabel) || vm.runId === undefined) return;
      const { interfaces } = await this.isolation(uuid, signal);
      if (interfaces.every(({ isolated }) => isolated)) return;
      await this.#rulesOf(uuid).write(findTaps(vm), undefined, signal);
    });
  }

  async renewAll(signal?: AbortSignal): Promise<readonly UnisolatedVm[]> {
    const vms = await this.#context.list(signal);
    const wanted = vms.filter(({ labels }) => labels.includes(isolatedLabel));
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

  #rulesOf(uuid: string): VmIsolation {
    if (this.#context.local) return new VmIsolation(uuid);
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
