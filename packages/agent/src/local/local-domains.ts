import { setTimeout as sleep } from "node:timers/promises";
import { type Bytes, CasemateError, type Milliseconds } from "@casemate/core";
import {
  type DomainJob,
  type DomainState,
  formatLabels,
  type LibvirtFlags,
  labelsElement,
} from "@casemate/host";
import type {
  ChangeScope,
  DomainControl,
  DomainDescription,
  UndefineChoices,
  WhichDefinition,
} from "../hypervisor/domain-control.ts";
import { isKeptOff, type NetworkControl } from "../hypervisor/network-control.ts";
import { chosenFlags } from "./chosen-flags.ts";
import type { HostContext } from "./host-context.ts";

/** Milliseconds between looks at a VM whose state is waited for. */
const lookEvery = 100;

/** The scope in libvirt's flags. */
export function scopeFlags(scope: ChangeScope): ("live" | "config")[] {
  switch (scope) {
    case "live":
      return ["live"];
    case "config":
      return ["config"];
    case "both":
      return ["live", "config"];
  }
}

/** Domains of a libvirt that this process is connected to. */
export class LocalDomains implements DomainControl {
  readonly #context: HostContext;
  readonly #renewIsolation: NetworkControl["renew"];

  constructor(context: HostContext, renewIsolation: NetworkControl["renew"]) {
    this.#context = context;
    this.#renewIsolation = renewIsolation;
  }

  list(signal?: AbortSignal): Promise<readonly DomainDescription[]> {
    return this.#context.list(signal);
  }

  find(nameOrUuid: string, signal?: AbortSignal): Promise<DomainDescription> {
    return this.#context.find(nameOrUuid, signal);
  }

  state(uuid: string, signal?: AbortSignal): Promise<DomainState> {
    return this.#context.with((c) => c.domainState(uuid, signal));
  }

  definition(uuid: string, which: WhichDefinition, signal?: AbortSignal): Promise<string> {
    return this.#definition(uuid, which, false, signal);
  }

  definitionWithSecrets(
    uuid: string,
    which: WhichDefinition,
    signal?: AbortSignal,
  ): Promise<string> {
    return this.#definition(uuid, which, true, signal);
  }

  async define(xml: string, signal?: AbortSignal): Promise<DomainDescription> {
    const domain = await this.#context.with((c) => c.defineDomain(xml, ["validate"], signal));
    return await this.#context.describe(domain, signal);
  }

  undefine(uuid: string, choices: UndefineChoices, signal?: AbortSignal): Promise<void> {
    const { nvram, tpm, managedSave, snapshots, checkpoints } = choices;
    const flags = chosenFlags({
      keepNvram: nvram === "keep",
      nvram: nvram === "delete",
      keepTpm: tpm === "keep",
      tpm: tpm === "delete",
      managedSave: managedSave !== undefined,
      snapshotsMetadata: snapshots !== undefined,
      checkpointsMetadata: checkpoints !== undefined,
    });
    return this.#context.with((c) => c.undefine(uuid, flags, signal));
  }

  async start(
    uuid: string,
    options: { readonly paused?: boolean; readonly discardSaved?: boolean },
    signal?: AbortSignal,
  ): Promise<void> {
    const { paused = false, discardSaved: forceBoot = false } = options;
    const { labels } = await this.#context.find(uuid, signal);
    // It stands still until nothing passes its interfaces; where that fails it goes on standing still.
    const held = isKeptOff(labels);
    const flags = chosenFlags({ paused: paused || held, forceBoot });
    await this.#context.with((c) => c.start(uuid, flags, signal));
    if (!held) return;
    await this.#renewIsolation(uuid, signal);
    if (!paused) await this.resume(uuid, signal);
  }

  shutdown(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#context.with((c) => c.shutdown(uuid, ["acpiPowerButton"], signal));
  }

  destroy(
    uuid: string,
    options: { readonly graceful?: boolean },
    signal?: AbortSignal,
  ): Promise<void> {
    const flags = chosenFlags({ graceful: options.graceful === true });
    return this.#context.with((c) => c.destroy(uuid, flags, signal));
  }

  reset(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#context.with((c) => c.reset(uuid, signal));
  }

  reboot(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#context.with((c) => c.reboot(uuid, ["acpiPowerButton"], signal));
  }

  suspend(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#context.with((c) => c.suspend(uuid, signal));
  }

  resume(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#context.with((c) => c.resume(uuid, signal));
  }

  async rename(uuid: string, name: string, signal?: AbortSignal): Promise<void> {
    const domains = await this.#context.with((c) => c.listDomains(signal));
    if (domains.some((domain) => domain.name === name && domain.uuid !== uuid)) {
      throw new CasemateError(
        "vm/exists",
        `Cannot rename a VM to ${name}: another has that name, expected a free one.`,
      );
    }
    await this.#context.with((c) => c.rename(uuid, name, signal));
  }

  setAutostart(uuid: string, autostart: boolean, signal?: AbortSignal): Promise<void> {
    return this.#context.with((c) => c.setAutostart(uuid, autostart, signal));
  }

  setVcpus(
    uuid: string,
    vcpus: number,
    options: { readonly scope: ChangeScope; readonly maximum?: boolean },
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#context.with((c) => c.setVcpus(uuid, vcpus, amountFlags(options), signal));
  }

  setMemory(
    uuid: string,
    memory: Bytes,
    options: { readonly scope: ChangeScope; readonly maximum?: boolean },
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#context.with((c) => c.setMemory(uuid, memory, amountFlags(options), signal));
  }

  async setLabels(uuid: string, labels: readonly string[], signal?: AbortSignal): Promise<void> {
    const { id, persistent } = await this.#context.with((c) => c.findDomain(uuid, signal));
    const flags = chosenFlags({ live: id !== undefined, config: persistent });
    const of = { key: labelsElement.prefix, uri: labelsElement.namespace };
    const xml = labels.length === 0 ? null : formatLabels(labels);
    await this.#context.with((c) => c.setMetadata(uuid, xml, of, flags, signal));
  }

  removeManagedSave(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#context.with((c) => c.removeManagedSave(uuid, signal));
  }

  async waitForState(
    uuid: string,
    states: readonly DomainState[],
    limit: Milliseconds,
    signal?: AbortSignal,
  ): Promise<DomainState> {
    const end = performance.now() + limit;
    for (;;) {
      const state = await this.#stateNow(uuid, signal);
      if (states.includes(state) || performance.now() >= end) return state;
      await sleep(lookEvery, undefined, signal === undefined ? {} : { signal }).catch((cause) => {
        throw new CasemateError("cancelled", "Cannot wait for the VM: it was cancelled.", {
          cause,
        });
      });
    }
  }

  job(uuid: string, signal?: AbortSignal): Promise<DomainJob | undefined> {
    return this.#context.with((c) => c.job(uuid, signal));
  }

  isOccupied(uuid: string, signal?: AbortSignal): Promise<boolean> {
    return this.#context.with((c) => c.isOccupied(uuid, signal));
  }

  async abortJob(uuid: string, signal?: AbortSignal): Promise<void> {
    if ((await this.job(uuid, signal)) === undefined) return;
    try {
      await this.#context.with((c) => c.abortJob(uuid, signal));
    } catch (thrown) {
      // It ended in between: that is what was asked for.
      if ((await this.job(uuid, signal)) !== undefined) throw thrown;
    }
  }

  async #definition(
    uuid: string,
    which: WhichDefinition,
    secure: boolean,
    signal?: AbortSignal,
  ): Promise<string> {
    const { id, name, state } = await this.#context.with((c) => c.findDomain(uuid, signal));
    if (which === "live" && id === undefined) {
      throw new CasemateError(
        "vm/not-running",
        `Cannot read the running definition of VM ${name}: it is ${state}, expected it to run.`,
      );
    }
    const of = { inactive: which === "inactive", secure };
    return await this.#context.with((c) => c.domainXml(uuid, of, signal));
  }

  async #stateNow(uuid: string, signal?: AbortSignal): Promise<DomainState> {
    try {
      return await this.state(uuid, signal);
    } catch (thrown) {
      // One without a definition is gone once it has stopped.
      if (thrown instanceof CasemateError && thrown.code === "vm/unknown") return "shutoff";
      throw thrown;
    }
  }
}

function amountFlags(options: {
  readonly scope: ChangeScope;
  readonly maximum?: boolean;
}): LibvirtFlags<"amount"> {
  return [...scopeFlags(options.scope), ...chosenFlags({ maximum: options.maximum === true })];
}
