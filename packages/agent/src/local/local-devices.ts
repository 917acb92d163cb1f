import { setTimeout as sleep } from "node:timers/promises";
import { CasemateError } from "@casemate/core";
import { formatXml } from "@casemate/formats";
import {
  type DeviceDefinition,
  findDiskElement,
  findInterfaceElement,
  formatDevice,
  type InterfaceChange,
  type LibvirtConnection,
  withInterface,
  withMedium,
} from "@casemate/host";
import type { DeviceControl, DeviceName } from "../hypervisor/device-control.ts";
import type { ChangeScope } from "../hypervisor/domain-control.ts";
import { chosenFlags } from "./chosen-flags.ts";
import type { HostContext } from "./host-context.ts";
import { scopeFlags } from "./local-domains.ts";

/** Milliseconds that a guest has to let a device go before the answer is `asked`. */
const guestPatience = 10_000;
const lookEvery = 100;

/** Devices of a libvirt that this process is connected to. */
export class LocalDevices implements DeviceControl {
  readonly #context: HostContext;

  constructor(context: HostContext) {
    this.#context = context;
  }

  async attach(
    uuid: string,
    device: DeviceDefinition,
    scope: ChangeScope,
    signal?: AbortSignal,
  ): Promise<void> {
    if (device.kind === "disk" && device.path !== undefined) {
      await (await this.#context.guard(signal)).readable(device.path);
    }
    for (const part of scopeFlags(scope)) {
      if ((await this.#find(uuid, device, part, signal)) === undefined) continue;
      throw new CasemateError(
        "device/exists",
        `Cannot attach ${describe(device)}: the VM has it already, expected another.`,
      );
    }
    await this.#context.with((c) =>
      c.attachDevice(uuid, formatDevice(device), scopeFlags(scope), signal),
    );
  }

  async detach(
    uuid: string,
    device: DeviceName,
    scope: ChangeScope,
    signal?: AbortSignal,
  ): Promise<"detached" | "asked"> {
    let known = false;
    let outcome: "detached" | "asked" = "detached";
    // Each in its own words: what runs has addresses that the definition may lack.
    for (const part of scopeFlags(scope)) {
      const element = await this.#find(uuid, device, part, signal);
      if (element === undefined) continue;
      known = true;
      await this.#context.with((c) => c.detachDevice(uuid, formatXml(element), [part], signal));
      if (part === "live") outcome = await this.#waitUntilGone(uuid, device, signal);
    }
    if (!known) throw unknown(device);
    return outcome;
  }

  async changeMedia(
    uuid: string,
    target: string,
    path: string | undefined,
    options: { readonly scope: ChangeScope; readonly force?: boolean },
    signal?: AbortSignal,
  ): Promise<void> {
    if (path !== undefined) await (await this.#context.guard(signal)).readable(path);
    for (const part of scopeFlags(options.scope)) {
      const drive = await this.#find(uuid, { kind: "disk", target }, part, signal);
      if (drive === undefined) throw unknown({ kind: "disk", target });
      if (drive.getAttribute("device") === "disk") {
        throw new CasemateError(
          "device/unknown",
          `Cannot change the medium of ${target}: it is a disk, expected a drive.`,
        );
      }
      const force = chosenFlags({ force: options.force === true && part === "live" });
      const xml = withMedium(drive, path);
      await this.#context.with((c) => c.updateDevice(uuid, xml, [part, ...force], signal));
    }
  }

  async updateInterface(
    uuid: string,
    mac: string,
    change: InterfaceChange,
    scope: ChangeScope,
    signal?: AbortSignal,
  ): Promise<void> {
    for (const part of scopeFlags(scope)) {
      const nic = await this.#find(uuid, { kind: "interface", mac }, part, signal);
      if (nic === undefined) throw unknown({ kind: "interface", mac });
      const xml = withInterface(nic, change);
      await this.#context.with((c) => c.updateDevice(uuid, xml, [part], signal));
    }
  }

  async #find(uuid: string, device: DeviceName, part: "live" | "config", signal?: AbortSignal) {
    const read = async (c: LibvirtConnection): Promise<string> => {
      const { id, name, state } = await c.findDomain(uuid, signal);
      if (part === "live" && id === undefined) {
        throw new CasemateError(
          "vm/not-running",
          `Cannot change the devices of the running VM ${name}: it is ${state}, expected it to run.`,
        );
      }
      return await c.domainXml(uuid, { inactive: part === "config", secure: true }, signal);
    };
    const xml = await this.#context.with(read);
    return device.kind === "disk"
      ? findDiskElement(xml, device.target)
      : findInterfaceElement(xml, device.mac);
  }

  async #waitUntilGone(
    uuid: string,
    device: DeviceName,
    signal?: AbortSignal,
  ): Promise<"detached" | "asked"> {
    const end = performance.now() + guestPatience;
    while (performance.now() < end) {
      if ((await this.#find(uuid, device, "live", signal)) === undefined) return "detached";
      await sleep(lookEvery);
    }
    return "asked";
  }
}

function describe(device: DeviceName): string {
  return device.kind === "disk" ? `disk ${device.target}` : `NIC ${device.mac}`;
}

function unknown(device: DeviceName): CasemateError {
  return new CasemateError(
    "device/unknown",
    `Cannot change ${describe(device)}: the VM has none of that name, expected one.`,
  );
}
