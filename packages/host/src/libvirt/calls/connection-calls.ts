import type { DomainEvent } from "../domain-event.ts";
import type { EventCallback } from "../event-callbacks.ts";
import { virErrorNumber } from "../libvirt-error.ts";
import { type Libvirt, libvirtQemu, type Out, type VirConnect, type Wide } from "../prototypes.ts";
import { type Call, callFailed, checked, checkedRunning, onDomain } from "./call.ts";

/** What a connection says about its host. */
export interface ConnectionInfo {
  /** As libvirt completed it. */
  readonly uri: string;
  /** libvirt's name of the driver: `QEMU`, `TEST`, `Xen`, `ESX`. */
  readonly hypervisor: string;
  /** `7.2.22`; undefined where libvirt cannot tell, for instance without a hypervisor installed. */
  readonly hypervisorVersion: string | undefined;
  /** Of the libvirt that serves the host. */
  readonly libvirtVersion: string;
  readonly hostname: string;
}

export interface KeepAlive {
  /** Seconds of silence before libvirt asks whether the host is still there. */
  readonly interval: number;
  /** Unanswered questions after which the connection is lost. */
  readonly count: number;
}

/** libvirt's versions are 1,000,000 × major + 1,000 × minor + release. */
export function formatVersion(version: Wide): string {
  const value = Number(version);
  return [Math.floor(value / 1e6), Math.floor(value / 1e3) % 1e3, value % 1e3].join(".");
}

function readInfo(call: Call): ConnectionInfo {
  const { lib, conn } = call;
  const doing = "read what libvirt says of its host";
  const libvirtVersion: Out<Wide> = [0];
  checked(call, doing, lib.virConnectGetLibVersion(conn, libvirtVersion));
  const hypervisorVersion: Out<Wide> = [0];
  const told = lib.virConnectGetVersion(conn, hypervisorVersion) === 0;
  return {
    uri: checked(call, doing, lib.virConnectGetURI(conn)),
    hypervisor: checked(call, doing, lib.virConnectGetType(conn)),
    hypervisorVersion: told ? formatVersion(hypervisorVersion[0]) : undefined,
    libvirtVersion: formatVersion(libvirtVersion[0]),
    hostname: checked(call, doing, lib.virConnectGetHostname(conn)),
  };
}

/** Opens a connection; the only call that has none yet. */
export function openConnection(
  lib: Libvirt,
  uri: string,
  readOnly: boolean,
  keepAlive: KeepAlive,
): { conn: VirConnect; info: ConnectionInfo } {
  const doing = `connect to ${uri}`;
  const conn = readOnly ? lib.virConnectOpenReadOnly(uri) : lib.virConnectOpen(uri);
  if (conn === null) throw callFailed(lib, doing, "libvirt/unreachable");
  try {
    if (lib.virConnectSetKeepAlive(conn, keepAlive.interval, keepAlive.count) < 0) {
      const failed = callFailed(lib, doing, "libvirt/failed", conn);
      // A driver inside this process has no wire to keep alive.
      if (failed.failure.number !== virErrorNumber.noSupport) throw failed;
    }
    return { conn, info: readInfo({ lib, conn }) };
  } catch (thrown) {
    lib.virConnectClose(conn);
    throw thrown;
  }
}

/** A callback that libvirt has accepted, with the number to take it back by. */
export interface RegisteredCallback {
  readonly callback: number;
  readonly kind: DomainEvent["kind"];
}

export const connectionCalls = {
  /** How many references are left: 0, or somebody still holds one. */
  close(call: Call, callbacks: readonly RegisteredCallback[]): number {
    const { lib, conn } = call;
    // Fails where the connection is lost already; libvirt then forgets the callback all the same.
    for (const { callback } of callbacks) lib.virConnectDomainEventDeregisterAny(conn, callback);
    return lib.virConnectClose(conn);
  },

  /** Registers what the driver has; a driver without lifecycle events is `libvirt/failed`. */
  registerEvents(
    call: Call,
    connection: number,
    callbacks: readonly EventCallback[],
  ): RegisteredCallback[] {
    const { lib, conn } = call;
    const registered: RegisteredCallback[] = [];
    for (const { id, kind, address } of callbacks) {
      const opaque = BigInt(connection);
      const callback = lib.virConnectDomainEventRegisterAny(conn, null, id, address, opaque, null);
      if (callback >= 0) registered.push({ callback, kind });
      else if (kind === "lifecycle") {
        throw callFailed(lib, "watch the VMs", "libvirt/failed", conn);
      }
    }
    return registered;
  },

  capabilities(call: Call): string {
    return checked(
      call,
      "read the host's capabilities",
      call.lib.virConnectGetCapabilities(call.conn),
    );
  },

  domainCapabilities(call: Call, of: { arch?: string; machine?: string; type?: string }): string {
    const { lib, conn } = call;
    return checked(
      call,
      "read what VMs can have on the host",
      lib.virConnectGetDomainCapabilities(
        conn,
        null,
        of.arch ?? null,
        of.machine ?? null,
        of.type ?? null,
        0,
      ),
    );
  },

  /** QEMU's answer as it came; `human` speaks the human monitor's language. */
  monitorCommand(call: Call, uuid: string, command: string, human: boolean): string {
    const qemu = libvirtQemu();
    const flags = human ? 1 << 0 : 0; // VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP
    return onDomain(call, uuid, "ask the monitor of", (dom, doing) => {
      const result: Out<string | null> = [null];
      checkedRunning(
        call,
        dom,
        doing,
        qemu.virDomainQemuMonitorCommand(dom, command, result, flags),
      );
      return result[0] ?? "";
    });
  },

  agentCommand(call: Call, uuid: string, command: string, seconds: number): string {
    const qemu = libvirtQemu();
    return onDomain(call, uuid, "ask the guest agent of", (dom, doing) => {
      const answer = qemu.virDomainQemuAgentCommand(dom, command, seconds, 0);
      checkedRunning(call, dom, doing, answer === null ? -1 : 0);
      return answer ?? "";
    });
  },
};
