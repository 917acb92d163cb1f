import type { Duplex } from "node:stream";
import type { Bytes } from "@casemate/core";
import type { ConnectionInfo } from "./calls/connection-calls.ts";
import type { DefinedDomain, Domain, DomainState } from "./domain.ts";
import type { DomainEvent } from "./domain-event.ts";
import type { CompletedJob, DomainJob } from "./domain-job.ts";
import type { DomainSnapshot } from "./domain-snapshot.ts";
import type { EventStream } from "./event-stream.ts";
import type { LibvirtFlags } from "./flags.ts";
import { LibvirtNetworks } from "./libvirt-networks.ts";
import { LibvirtStorage } from "./libvirt-storage.ts";
import { OpenConnection, type OpenOptions } from "./open-connection.ts";
import type { PauseReason } from "./pause-reason.ts";
import { parseQmpReply, type QmpCommand } from "./qmp.ts";

/** virDomainCoreDumpFormat. */
const coreDumpFormats = { raw: 0, kdumpZlib: 1, kdumpLzo: 2, kdumpSnappy: 3, winDmp: 4 } as const;

export type CoreDumpFormat = keyof typeof coreDumpFormats;

/**
 * A connection to one host's libvirt.
 *
 * VMs and networks are named by UUID. Every method waits for the host, in a thread of its own kind, and
 * throws `libvirt/unreachable` once the connection is lost, `vm/unknown` for a VM that is not there,
 * `vm/not-running` for what only a running VM can do, `libvirt/not-permitted` and `libvirt/failed` with
 * libvirt's own words (the `cause` is a LibvirtError with its numbers).
 *
 * The methods that change something are raw: operations decide whether they may be called.
 */
export class LibvirtConnection implements AsyncDisposable {
  readonly networks: LibvirtNetworks;
  readonly storage: LibvirtStorage;
  readonly #open: OpenConnection;

  private constructor(open: OpenConnection) {
    this.#open = open;
    this.networks = new LibvirtNetworks(open);
    this.storage = new LibvirtStorage(open);
  }

  /**
   * Opens `uri` (`qemu:///system`, `qemu+ssh://host/system`, `test:///default`, …). It asks for no
   * passwords. Throws `libvirt/missing`, `libvirt/unreachable`, `libvirt/not-permitted`, `cancelled`.
   */
  static async open(
    uri: string,
    options: OpenOptions = {},
    signal?: AbortSignal,
  ): Promise<LibvirtConnection> {
    return new LibvirtConnection(await OpenConnection.open(uri, options, signal));
  }

  get info(): ConnectionInfo {
    return this.#open.info;
  }

  /** Aborted, with a `libvirt/unreachable`, when the host's libvirt goes away or answers no more. */
  get lost(): AbortSignal {
    return this.#open.lost;
  }

  /**
   * The VMs' events from now on, for one reader; they arrive within milliseconds. The stream ends when the
   * connection is closed and throws when it is lost.
   */
  watch(signal?: AbortSignal): Promise<EventStream<DomainEvent>> {
    return this.#open.watch(signal);
  }

  /** The kinds of events that the host's driver has; empty before the first `watch`. */
  eventKinds(): Promise<ReadonlySet<DomainEvent["kind"]>> {
    return this.#open.eventKinds();
  }

  /** All VMs, running or not. Changes nothing. */
  listDomains(signal?: AbortSignal): Promise<Domain[]> {
    return this.#open.call("listDomains", [], signal);
  }

  findDomain(nameOrUuid: string, signal?: AbortSignal): Promise<Domain> {
    return this.#open.call("findDomain", [nameOrUuid], signal);
  }

  /** As `findDomain`, with its definitions: one question instead of three. */
  findDefinedDomain(nameOrUuid: string, signal?: AbortSignal): Promise<DefinedDomain> {
    return this.#open.call("findDefinedDomain", [nameOrUuid], signal);
  }

  domainState(uuid: string, signal?: AbortSignal): Promise<DomainState> {
    return this.#open.call("findState", [uuid], signal);
  }

  /** Why the VM is paused; `undefined` while it is not. */
  pauseReason(uuid: string, signal?: AbortSignal): Promise<PauseReason | undefined> {
    return this.#open.call("pauseReason", [uuid], signal);
  }

  /**
   * @param of.inactive the definition that the next start uses, not the running VM's.
   * @param of.secure with passwords; needs a connection that is not read-only.
   */
  domainXml(
    uuid: string,
    of: { readonly inactive: boolean; readonly secure: boolean },
    signal?: AbortSignal,
  ): Promise<string> {
    return this.#open.call("domainXml", [uuid, of], signal);
  }

  /** The host's capabilities, in libvirt's XML. */
  capabilities(signal?: AbortSignal): Promise<string> {
    return this.#open.call("capabilities", [], signal);
  }

  /** What a VM of this kind can have on the host, in libvirt's XML. */
  domainCapabilities(
    of: { readonly arch?: string; readonly machine?: string; readonly type?: string },
    signal?: AbortSignal,
  ): Promise<string> {
    return this.#open.call("domainCapabilities", [of], signal);
  }

  defineDomain(
    xml: string,
    flags: LibvirtFlags<"define"> = [],
    signal?: AbortSignal,
  ): Promise<Domain> {
    return this.#open.call("defineDomain", [xml, flags], signal);
  }

  /** Starts a VM that has no definition beyond its run. */
  createDomain(
    xml: string,
    flags: LibvirtFlags<"create"> = [],
    signal?: AbortSignal,
  ): Promise<Domain> {
    return this.#open.call("createDomain", [xml, flags], signal);
  }

  start(uuid: string, flags: LibvirtFlags<"create"> = [], signal?: AbortSignal): Promise<void> {
    return this.#open.call("start", [uuid, flags], signal);
  }

  /** Takes the power away. */
  destroy(uuid: string, flags: LibvirtFlags<"destroy"> = [], signal?: AbortSignal): Promise<void> {
    return this.#open.call("destroy", [uuid, flags], signal);
  }

  /** Asks the guest to shut down; it may take its time or not do it. */
  shutdown(
    uuid: string,
    flags: LibvirtFlags<"shutdown"> = [],
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#open.call("shutdown", [uuid, flags], signal);
  }

  /** Asks the guest to reboot; it may take its time or not do it. */
  reboot(uuid: string, flags: LibvirtFlags<"shutdown"> = [], signal?: AbortSignal): Promise<void> {
    return this.#open.call("reboot", [uuid, flags], signal);
  }

  /** Presses the reset button. */
  reset(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#open.call("reset", [uuid], signal);
  }

  suspend(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#open.call("suspend", [uuid], signal);
  }

  resume(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#open.call("resume", [uuid], signal);
  }

  undefine(
    uuid: string,
    flags: LibvirtFlags<"undefine"> = [],
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#open.call("undefine", [uuid, flags], signal);
  }

  setAutostart(uuid: string, autostart: boolean, signal?: AbortSignal): Promise<void> {
    return this.#open.call("setAutostart", [uuid, autostart], signal);
  }

  rename(uuid: string, name: string, signal?: AbortSignal): Promise<void> {
    return this.#open.call("rename", [uuid, name], signal);
  }

  setVcpus(
    uuid: string,
    vcpus: number,
    flags: LibvirtFlags<"amount"> = [],
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#open.call("setVcpus", [uuid, vcpus, flags], signal);
  }

  setMemory(
    uuid: string,
    size: Bytes,
    flags: LibvirtFlags<"amount"> = [],
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#open.call("setMemory", [uuid, size, flags], signal);
  }

  attachDevice(
    uuid: string,
    xml: string,
    flags: LibvirtFlags<"modify"> = [],
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#open.call("attachDevice", [uuid, xml, flags], signal);
  }

  /** A guest may have to let go first: `device-removed` tells when it is done. */
  detachDevice(
    uuid: string,
    xml: string,
    flags: LibvirtFlags<"modify"> = [],
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#open.call("detachDevice", [uuid, xml, flags], signal);
  }

  updateDevice(
    uuid: string,
    xml: string,
    flags: LibvirtFlags<"modify"> = [],
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#open.call("updateDevice", [uuid, xml, flags], signal);
  }

  /** Saves the VM to a file of the host and stops it. Cancelling ends the job: the VM runs on. */
  save(
    uuid: string,
    path: string,
    flags: LibvirtFlags<"save"> = [],
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#open.job(uuid, "save", [uuid, path, null, flags], signal);
  }

  /** Starts a VM from a file that `save` wrote. */
  restore(path: string, flags: LibvirtFlags<"save"> = [], signal?: AbortSignal): Promise<void> {
    return this.#open.call("restore", [path, null, flags], signal);
  }

  /** As `save`, to a file of libvirt's own, from which the next start restores. */
  managedSave(uuid: string, flags: LibvirtFlags<"save"> = [], signal?: AbortSignal): Promise<void> {
    return this.#open.job(uuid, "managedSave", [uuid, flags], signal);
  }

  removeManagedSave(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#open.call("removeManagedSave", [uuid], signal);
  }

  /** Dumps the VM to a file of the host; it is paused meanwhile unless `live`. Cancelling ends the job. */
  coreDump(
    uuid: string,
    path: string,
    format: CoreDumpFormat,
    flags: LibvirtFlags<"coreDump"> = ["memoryOnly"],
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#open.job(uuid, "coreDump", [uuid, path, coreDumpFormats[format], flags], signal);
  }

  abortJob(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#open.call("abortJob", [uuid], signal);
  }

  /** libvirt's job on the VM; undefined while there is none. */
  job(uuid: string, signal?: AbortSignal): Promise<DomainJob | undefined> {
    return this.#open.call("job", [uuid], signal);
  }

  /** Whether libvirt is in the middle of a call that changes the VM, whoever made it. */
  isOccupied(uuid: string, signal?: AbortSignal): Promise<boolean> {
    return this.#open.call("isOccupied", [uuid], signal);
  }

  /** How the VM's last job ended, told once; undefined where libvirt has forgotten it. */
  completedJob(uuid: string, signal?: AbortSignal): Promise<CompletedJob | undefined> {
    return this.#open.call("completedJob", [uuid], signal);
  }

  /** Begins to copy disks of a running VM; `job` tells how far it is, `completedJob` how it went. */
  beginBackup(
    uuid: string,
    xml: string,
    flags: LibvirtFlags<"backup"> = [],
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#open.call("beginBackup", [uuid, xml, flags], signal);
  }

  /** The backup under way, in libvirt's XML; undefined while there is none. */
  backupXml(uuid: string, signal?: AbortSignal): Promise<string | undefined> {
    return this.#open.call("backupXml", [uuid], signal);
  }

  /** An element of the definitions' <metadata>, in a namespace of its own; `null` removes it. */
  setMetadata(
    uuid: string,
    xml: string | null,
    of: { readonly key: string; readonly uri: string },
    flags: LibvirtFlags<"modify"> = [],
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#open.call("setMetadata", [uuid, xml, of.key, of.uri, flags], signal);
  }

  /** The new snapshot's name. Cancelling ends the job where it saves memory to a file. */
  createSnapshot(
    uuid: string,
    xml: string,
    flags: LibvirtFlags<"snapshotCreate"> = [],
    signal?: AbortSignal,
  ): Promise<string> {
    return this.#open.job(uuid, "createSnapshot", [uuid, xml, flags], signal);
  }

  listSnapshots(uuid: string, signal?: AbortSignal): Promise<DomainSnapshot[]> {
    return this.#open.call("listSnapshots", [uuid], signal);
  }

  snapshotXml(uuid: string, name: string, signal?: AbortSignal): Promise<string> {
    return this.#open.call("snapshotXml", [uuid, name], signal);
  }

  revertToSnapshot(
    uuid: string,
    name: string,
    flags: LibvirtFlags<"snapshotRevert"> = [],
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#open.call("revertToSnapshot", [uuid, name, flags], signal);
  }

  deleteSnapshot(
    uuid: string,
    name: string,
    flags: LibvirtFlags<"snapshotDelete"> = [],
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#open.call("deleteSnapshot", [uuid, name, flags], signal);
  }

  /**
   * The bytes of a VM's console both ways, for one user at a time: `console/in-use`, unless forced. It ends
   * when the VM does. While a guest takes nothing of what is sent, libvirt answers no other calls of the
   * connection: a console is better given one of its own.
   *
   * @param device libvirt's alias, `serial0`; the first console where undefined.
   */
  openConsole(
    uuid: string,
    device?: string,
    flags: LibvirtFlags<"console"> = [],
    signal?: AbortSignal,
  ): Promise<Duplex> {
    return this.#open.openConsole(uuid, device, flags, signal);
  }

  /**
   * What QEMU returns for a command of its machine protocol; integers beyond a double's are bigint.
   * libvirt marks the VM as tainted (`custom-monitor`). `libvirt/failed` with QEMU's words where it refuses.
   */
  async qmp(uuid: string, command: QmpCommand, signal?: AbortSignal): Promise<unknown> {
    const text = JSON.stringify(command);
    return parseQmpReply(
      command,
      await this.#open.call("monitorCommand", [uuid, text, false], signal),
    );
  }

  /** What QEMU's human monitor prints for a line. */
  hmp(uuid: string, line: string, signal?: AbortSignal): Promise<string> {
    return this.#open.call("monitorCommand", [uuid, line, true], signal);
  }

  /**
   * What the agent in a guest answers to a command within `seconds`, as libvirt writes it down: JSON, up to
   * 10 MiB of it. `libvirt/failed` where there is no agent, it says nothing in time, or it refuses.
   *
   * HOSTILE: the guest controls all of it, and the words of the refusal.
   */
  agentCommand(
    uuid: string,
    command: QmpCommand,
    seconds: number,
    signal?: AbortSignal,
  ): Promise<string> {
    const text = JSON.stringify(command);
    return this.#open.call("agentCommand", [uuid, text, seconds], signal);
  }

  /** Waits for the calls under way, then closes; a second close waits for the first. */
  close(): Promise<void> {
    return this.#open.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
