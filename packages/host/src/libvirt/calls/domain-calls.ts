import { bytes, KiB, nanoseconds } from "@casemate/core";
import { type DefinedDomain, type Domain, type DomainState, domainStates } from "../domain.ts";
import { flagBits, type LibvirtFlags } from "../flags.ts";
import { virErrorNumber } from "../libvirt-error.ts";
import { type PauseReason, pauseReasons } from "../pause-reason.ts";
import type { Libvirt, Out, VirDomain, VirDomainInfo } from "../prototypes.ts";
import {
  type Call,
  callFailed,
  checked,
  checkedRunning,
  checkedStopped,
  mapAll,
  onDomain,
  using,
} from "./call.ts";

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** `char buf[VIR_UUID_STRING_BUFLEN]` with its NUL. */
const uuidStringLength = 37;

export function uuidOf(call: Call, doing: string, read: (buffer: Buffer) => number): string {
  const buffer = Buffer.alloc(uuidStringLength);
  checked(call, doing, read(buffer));
  return buffer.toString("latin1", 0, uuidStringLength - 1);
}

function readDomain(call: Call, dom: VirDomain): Domain {
  const { lib } = call;
  const name = checked(call, "read a VM's name", lib.virDomainGetName(dom));
  const doing = `read VM ${name}`;
  const info = {} as VirDomainInfo; // libvirt fills it
  checked(call, doing, lib.virDomainGetInfo(dom, info));
  // -1 stands for "does not run"; virDomainGetID is a lookup in the object, not a call to the host.
  const id = lib.virDomainGetID(dom);
  return {
    uuid: uuidOf(call, doing, (buffer) => lib.virDomainGetUUIDString(dom, buffer)),
    name,
    id: id === 0xffffffff ? undefined : id,
    // A state that a later libvirt may add has no name here, and "nostate" claims nothing.
    state: domainStates[info.state] ?? "nostate",
    vcpus: info.nrVirtCpu,
    memory: bytes(Number(info.memory) * KiB),
    maxMemory: bytes(Number(info.maxMem) * KiB),
    cpuTime: nanoseconds(BigInt(info.cpuTime)),
    persistent: checked(call, doing, lib.virDomainIsPersistent(dom)) === 1,
    autostart: optional(call, doing, (out) => lib.virDomainGetAutostart(dom, out)) === 1,
    managedSave: supported(call, doing, lib.virDomainHasManagedSaveImage(dom, 0)) === 1,
  };
}

/** What a VM is doing and, where it is paused, why. */
export function stateOf(
  call: Call,
  dom: VirDomain,
  doing: string,
): { readonly state: DomainState; readonly pauseReason: PauseReason | undefined } {
  const state: Out<number> = [0];
  const reason: Out<number> = [0];
  checked(call, doing, call.lib.virDomainGetState(dom, state, reason, 0));
  const named = domainStates[state[0]] ?? "nostate"; // as in readDomain
  const why = pauseReasons[reason[0]] ?? "unknown";
  return { state: named, pauseReason: named === "paused" ? why : undefined };
}

/** A driver that has no such function has no such thing either: 0. */
function supported(call: Call, doing: string, result: number): number {
  if (result >= 0) return result;
  const failed = callFailed(call.lib, doing, "libvirt/failed", call.conn);
  if (failed.failure.number === virErrorNumber.noSupport) return 0;
  throw failed;
}

function optional(call: Call, doing: string, read: (out: Out<number>) => number): number {
  const out: Out<number> = [0];
  return supported(call, doing, read(out)) < 0 ? 0 : out[0];
}

/** A call that takes a VM and answers with an int. */
function act<A extends unknown[]>(
  verb: string,
  native: (lib: Libvirt, dom: VirDomain, ...args: A) => number,
  needs?: "running" | "stopped",
) {
  return (call: Call, uuid: string, ...args: A): void =>
    onDomain(call, uuid, verb, (dom, doing) => {
      const result = native(call.lib, dom, ...args);
      if (needs === "running") checkedRunning(call, dom, doing, result);
      else if (needs === "stopped") checkedStopped(call, dom, doing, result);
      else checked(call, doing, result);
    });
}

/** Looks a VM up by UUID, or else by name, uses it and frees it. */
function onFound<T>(call: Call, nameOrUuid: string, use: (dom: VirDomain) => T): T {
  const { lib, conn } = call;
  const byUuid = uuidForm.test(nameOrUuid)
    ? lib.virDomainLookupByUUIDString(conn, nameOrUuid)
    : null;
  const found = checked(
    call,
    `find VM ${nameOrUuid}`,
    byUuid ?? lib.virDomainLookupByName(conn, nameOrUuid),
  );
  return using(found, lib.virDomainFree, use);
}

/** virDomainXMLFlags. */
const xmlFlags = (of: { readonly inactive: boolean; readonly secure: boolean }): number =>
  (of.secure ? 1 << 0 : 0) | (of.inactive ? 1 << 1 : 0);

/** VIR_DOMAIN_METADATA_ELEMENT */
const metadataElement = 2;

export const domainCalls = {
  listDomains(call: Call): Domain[] {
    const { lib, conn } = call;
    return mapAll<VirDomain, Domain>(
      call,
      "list the VMs",
      virErrorNumber.noDomain,
      (out) => lib.virConnectListAllDomains(conn, out, 0),
      lib.virDomainFree,
      (dom) => readDomain(call, dom),
    );
  },

  findDomain(call: Call, nameOrUuid: string): Domain {
    return onFound(call, nameOrUuid, (dom) => readDomain(call, dom));
  },

  findDefinedDomain(call: Call, nameOrUuid: string): DefinedDomain {
    return onFound(call, nameOrUuid, (dom) => {
      const domain = readDomain(call, dom);
      const read = (inactive: boolean) =>
        checked(
          call,
          `read the definition of VM ${domain.name}`,
          call.lib.virDomainGetXMLDesc(dom, xmlFlags({ inactive, secure: false })),
        );
      return {
        domain,
        inactive: read(true),
        live: domain.id === undefined ? undefined : read(false),
      };
    });
  },

  findState(call: Call, uuid: string): DomainState {
    return onDomain(
      call,
      uuid,
      "read the state of",
      (dom, doing) => stateOf(call, dom, doing).state,
    );
  },

  pauseReason(call: Call, uuid: string): PauseReason | undefined {
    return onDomain(
      call,
      uuid,
      "read the state of",
      (dom, doing) => stateOf(call, dom, doing).pauseReason,
    );
  },

  domainXml(call: Call, uuid: string, of: { inactive: boolean; secure: boolean }): string {
    return onDomain(call, uuid, "read the definition of", (dom, doing) =>
      checked(call, doing, call.lib.virDomainGetXMLDesc(dom, xmlFlags(of))),
    );
  },

  defineDomain(call: Call, xml: string, flags: LibvirtFlags<"define">): Domain {
    const { lib, conn } = call;
    const defined = checked(
      call,
      "define a VM",
      lib.virDomainDefineXMLFlags(conn, xml, flagBits("define", flags)),
    );
    return using(defined, lib.virDomainFree, (dom) => readDomain(call, dom));
  },

  createDomain(call: Call, xml: string, flags: LibvirtFlags<"create">): Domain {
    const { lib, conn } = call;
    const created = checked(
      call,
      "create a VM",
      lib.virDomainCreateXML(conn, xml, flagBits("create", flags)),
    );
    return using(created, lib.virDomainFree, (dom) => readDomain(call, dom));
  },

  restore(call: Call, path: string, xml: string | null, flags: LibvirtFlags<"save">): void {
    const { lib, conn } = call;
    checked(
      call,
      `restore a VM from ${path}`,
      lib.virDomainRestoreFlags(conn, path, xml, flagBits("save", flags)),
    );
  },

  start: act(
    "start",
    (lib, dom, flags: LibvirtFlags<"create">) =>
      lib.virDomainCreateWithFlags(dom, flagBits("create", flags)),
    "stopped",
  ),
  destroy: act(
    "stop",
    (lib, dom, flags: LibvirtFlags<"destroy">) =>
      lib.virDomainDestroyFlags(dom, flagBits("destroy", flags)),
    "running",
  ),
  shutdown: act(
    "shut down",
    (lib, dom, flags: LibvirtFlags<"shutdown">) =>
      lib.virDomainShutdownFlags(dom, flagBits("shutdown", flags)),
    "running",
  ),
  reboot: act(
    "reboot",
    (lib, dom, flags: LibvirtFlags<"shutdown">) =>
      lib.virDomainReboot(dom, flagBits("shutdown", flags)),
    "running",
  ),
  reset: act("reset", (lib, dom) => lib.virDomainReset(dom, 0), "running"),
  suspend: act("pause", (lib, dom) => lib.virDomainSuspend(dom), "running"),
  resume: act("resume", (lib, dom) => lib.virDomainResume(dom), "running"),
  undefine: act("undefine", (lib, dom, flags: LibvirtFlags<"undefine">) =>
    lib.virDomainUndefineFlags(dom, flagBits("undefine", flags)),
  ),
  setAutostart: act("set the autostart of", (lib, dom, autostart: boolean) =>
    lib.virDomainSetAutostart(dom, autostart ? 1 : 0),
  ),
  rename: act("rename", (lib, dom, name: string) => lib.virDomainRename(dom, name, 0), "stopped"),
  setVcpus: act("set the CPUs of", (lib, dom, vcpus: number, flags: LibvirtFlags<"amount">) =>
    lib.virDomainSetVcpusFlags(dom, vcpus, flagBits("amount", flags)),
  ),
  setMemory: act("set the memory of", (lib, dom, size: number, flags: LibvirtFlags<"amount">) =>
    lib.virDomainSetMemoryFlags(dom, Math.ceil(size / KiB), flagBits("amount", flags)),
  ),
  attachDevice: act("attach a device to", (lib, dom, xml: string, flags: LibvirtFlags<"modify">) =>
    lib.virDomainAttachDeviceFlags(dom, xml, flagBits("modify", flags)),
  ),
  detachDevice: act(
    "detach a device from",
    (lib, dom, xml: string, flags: LibvirtFlags<"modify">) =>
      lib.virDomainDetachDeviceFlags(dom, xml, flagBits("modify", flags)),
  ),
  updateDevice: act("update a device of", (lib, dom, xml: string, flags: LibvirtFlags<"modify">) =>
    lib.virDomainUpdateDeviceFlags(dom, xml, flagBits("modify", flags)),
  ),
  save: act(
    "save",
    (lib, dom, path: string, xml: string | null, flags: LibvirtFlags<"save">) =>
      lib.virDomainSaveFlags(dom, path, xml, flagBits("save", flags)),
    "running",
  ),
  managedSave: act(
    "save",
    (lib, dom, flags: LibvirtFlags<"save">) =>
      lib.virDomainManagedSave(dom, flagBits("save", flags)),
    "running",
  ),
  removeManagedSave: act("remove the saved state of", (lib, dom) =>
    lib.virDomainManagedSaveRemove(dom, 0),
  ),
  coreDump: act(
    "dump the memory of",
    (lib, dom, path: string, format: number, flags: LibvirtFlags<"coreDump">) =>
      lib.virDomainCoreDumpWithFormat(dom, path, format, flagBits("coreDump", flags)),
    "running",
  ),
  /** Casemate's element of the definitions' <metadata>; `null` removes it. */
  setMetadata: act(
    "label",
    (lib, dom, xml: string | null, key: string, uri: string, flags: LibvirtFlags<"modify">) =>
      lib.virDomainSetMetadata(dom, metadataElement, xml, key, uri, flagBits("modify", flags)),
  ),
};
