import type { Bytes, Milliseconds } from "@casemate/core";
import type { DefinitionDescription, DomainJob, DomainState } from "@casemate/host";

/** A VM as its host has it now: what it does, and its definition. */
export interface DomainDescription extends DefinitionDescription {
  readonly state: DomainState;
  /** libvirt's number of this run; undefined while it does not run. */
  readonly runId: number | undefined;
  /** Whether its definition outlives its run. */
  readonly persistent: boolean;
  readonly autostart: boolean;
  /** Whether the next start goes on from a saved state. */
  readonly managedSave: boolean;
  /** As `digest`, of what runs now; undefined while it does not run. */
  readonly liveDigest: string | undefined;
}

/** `live` is what runs now (`vm/not-running` where nothing does), `inactive` what the next start uses. */
export type WhichDefinition = "live" | "inactive";

/** Where a change goes: into the running VM, into what the next start uses, or both. */
export type ChangeScope = "live" | "config" | "both";

/** What becomes of a VM's state when it is undefined; what is there and not decided about is refused. */
export interface UndefineChoices {
  readonly nvram?: "keep" | "delete";
  readonly tpm?: "keep" | "delete";
  readonly managedSave?: "delete";
  /** Forgets libvirt's notes of snapshots; their files stay. */
  readonly snapshots?: "forget";
  readonly checkpoints?: "forget";
}

/** A domain's life. */
export interface DomainControl {
  list(signal?: AbortSignal): Promise<readonly DomainDescription[]>;
  /** By UUID or by name; the definition is the running one's while it runs. */
  find(nameOrUuid: string, signal?: AbortSignal): Promise<DomainDescription>;
  /** What it does, alone. */
  state(uuid: string, signal?: AbortSignal): Promise<DomainState>;
  /** The XML without passwords. */
  definition(uuid: string, which: WhichDefinition, signal?: AbortSignal): Promise<string>;
  /** The XML with passwords (VNC and the like): only to write it back. */
  definitionWithSecrets(
    uuid: string,
    which: WhichDefinition,
    signal?: AbortSignal,
  ): Promise<string>;
  /**
   * Defines a VM, or redefines the one with the XML's UUID; libvirt checks it against its schema.
   * Throws `definition/malformed`, and `vm/exists` where the name is another VM's.
   */
  define(xml: string, signal?: AbortSignal): Promise<DomainDescription>;
  /** Throws `libvirt/failed` where something was left undecided. A running VM runs on, without definition. */
  undefine(uuid: string, choices: UndefineChoices, signal?: AbortSignal): Promise<void>;
  /** Throws `vm/running` where it runs. A managed save is gone on from unless `discardSaved`. */
  start(
    uuid: string,
    options: { readonly paused?: boolean; readonly discardSaved?: boolean },
    signal?: AbortSignal,
  ): Promise<void>;
  /** Presses the power button (ACPI): the guest may take its time or ignore it. Throws `vm/not-running`. */
  shutdown(uuid: string, signal?: AbortSignal): Promise<void>;
  /** Takes the power away; `graceful` lets QEMU write its caches first. Throws `vm/not-running`. */
  destroy(
    uuid: string,
    options: { readonly graceful?: boolean },
    signal?: AbortSignal,
  ): Promise<void>;
  /** Presses the reset button. Throws `vm/not-running`. */
  reset(uuid: string, signal?: AbortSignal): Promise<void>;
  /** Asks the guest to reboot (ACPI). Throws `vm/not-running`. */
  reboot(uuid: string, signal?: AbortSignal): Promise<void>;
  /** Throws `vm/not-running`. */
  suspend(uuid: string, signal?: AbortSignal): Promise<void>;
  /** Throws `vm/not-running`. */
  resume(uuid: string, signal?: AbortSignal): Promise<void>;
  /** Throws `vm/running`, `vm/exists`; libvirt refuses a VM with snapshots (`libvirt/failed`) in old versions. */
  rename(uuid: string, name: string, signal?: AbortSignal): Promise<void>;
  setAutostart(uuid: string, autostart: boolean, signal?: AbortSignal): Promise<void>;
  /** `maximum` goes into the definition only. Throws `libvirt/failed` where the guest's machine cannot. */
  setVcpus(
    uuid: string,
    vcpus: number,
    options: { readonly scope: ChangeScope; readonly maximum?: boolean },
    signal?: AbortSignal,
  ): Promise<void>;
  /** As `setVcpus`; live it is the balloon's target, which the guest may not follow. */
  setMemory(
    uuid: string,
    memory: Bytes,
    options: { readonly scope: ChangeScope; readonly maximum?: boolean },
    signal?: AbortSignal,
  ): Promise<void>;
  /** Replaces Casemate's labels in both definitions. */
  setLabels(uuid: string, labels: readonly string[], signal?: AbortSignal): Promise<void>;
  /** Removes the saved state, so that the next start boots. */
  removeManagedSave(uuid: string, signal?: AbortSignal): Promise<void>;
  /** The state it is in, as soon as it is one of `states`, or after `limit`. A VM that is gone is `shutoff`. */
  waitForState(
    uuid: string,
    states: readonly DomainState[],
    limit: Milliseconds,
    signal?: AbortSignal,
  ): Promise<DomainState>;
  /** libvirt's job on the VM; undefined while there is none. */
  job(uuid: string, signal?: AbortSignal): Promise<DomainJob | undefined>;
  /** Whether libvirt is in the middle of a call that changes the VM, whoever made it. */
  isOccupied(uuid: string, signal?: AbortSignal): Promise<boolean>;
  /** Asks libvirt to end its job; nothing where there is none. */
  abortJob(uuid: string, signal?: AbortSignal): Promise<void>;
}
