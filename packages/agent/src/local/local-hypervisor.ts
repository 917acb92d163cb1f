import { access, constants } from "node:fs/promises";
import path from "node:path";
import type { LibvirtHost } from "@casemate/host";
import type { HypervisorFacts } from "../hypervisor/hypervisor-facts.ts";
import type { Hypervisor } from "../hypervisor.ts";
import { HostContext } from "./host-context.ts";
import { LocalConsole } from "./local-console.ts";
import { LocalDevices } from "./local-devices.ts";
import { LocalDomains } from "./local-domains.ts";
import { LocalImages } from "./local-images.ts";
import { LocalNetwork } from "./local-network.ts";
import { LocalPackages } from "./local-packages.ts";
import { LocalSnapshots } from "./local-snapshots.ts";
import { LocalStorage } from "./local-storage.ts";

/** Where the system's own tools are; never the caller's PATH. */
const toolDirectories = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The hypervisor of a libvirt that this process is connected to. */
export class LocalHypervisor implements Hypervisor {
  readonly domains: LocalDomains;
  readonly devices: LocalDevices;
  readonly snapshots: LocalSnapshots;
  readonly storage: LocalStorage;
  readonly images: LocalImages;
  readonly packages: LocalPackages;
  readonly console: LocalConsole;
  readonly network: LocalNetwork;
  readonly #context: HostContext;

  /** @param directories of the host that the configuration opens for images, beside its pools. */
  constructor(host: LibvirtHost, directories: readonly string[] = []) {
    const context = new HostContext(host, directories);
    this.#context = context;
    this.domains = new LocalDomains(context, (uuid, signal) => this.network.renew(uuid, signal));
    this.devices = new LocalDevices(context);
    this.snapshots = new LocalSnapshots(context, {
      facts: (signal) => this.facts(signal),
      setLabels: (uuid, labels, signal) => this.domains.setLabels(uuid, labels, signal),
      renewIsolation: (uuid, signal) => this.network.renew(uuid, signal),
    });
    this.storage = new LocalStorage(context);
    this.images = new LocalImages(context);
    this.packages = new LocalPackages(context);
    this.console = new LocalConsole(context);
    this.network = new LocalNetwork(context, (uuid, labels, signal) =>
      this.domains.setLabels(uuid, labels, signal),
    );
  }

  async facts(signal?: AbortSignal): Promise<HypervisorFacts> {
    signal?.throwIfAborted();
    const info = await this.#context.with(async (connection) => connection.info);
    const qemu = info.hypervisor === "QEMU";
    const since = (major: number, minor: number): boolean => {
      const [is = 0, isMinor = 0] = info.libvirtVersion.split(".").map(Number);
      return qemu && (is > major || (is === major && isMinor >= minor));
    };
    return {
      driver: info.hypervisor,
      libvirtVersion: info.libvirtVersion,
      hypervisorVersion: info.hypervisorVersion,
      hostname: info.hostname,
      // libvirt's test driver plays them too.
      internalSnapshots: qemu || info.hypervisor === "TEST",
      externalSnapshots: qemu,
      externalSnapshotRevert: since(9, 9),
      externalSnapshotDelete: since(9, 0),
      internalSnapshotsOfEfi: since(10, 10),
      backup: since(7, 2),
      consoles: qemu,
      images: await hasTool("qemu-img"),
    };
  }
}

async function hasTool(name: string): Promise<boolean> {
  for (const directory of toolDirectories) {
    try {
      await access(path.join(directory, name), constants.X_OK);
      return true;
    } catch {
      // Not in this one: the next may have it.
    }
  }
  return false;
}
