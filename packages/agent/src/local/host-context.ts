import { realpath } from "node:fs/promises";
import { CasemateError } from "@casemate/core";
import {
  type DefinitionDescription,
  type DiskSource,
  type Domain,
  describeDomain,
  describePool,
  type LibvirtConnection,
  type LibvirtHost,
  StorageGuard,
  type StoragePoolDescription,
} from "@casemate/host";
import type { DomainDescription } from "../hypervisor/domain-control.ts";

/** A VM's file: who has it, and whether that VM may be writing it now. */
export interface DiskUser {
  readonly path: string;
  readonly vm: string;
  readonly running: boolean;
  /** Whether the VM writes it: the uppermost image of a disk that is not read-only. */
  readonly written: boolean;
}

/** Definitions of which it is known what they say; libvirt's own have some ten thousand characters. */
const remembered = 100;

/** What the parts of a local hypervisor share: its libvirt, and which files may be touched. */
export class HostContext {
  readonly host: LibvirtHost;
  readonly #directories: readonly string[];
  readonly #described = new Map<string, DefinitionDescription>();
  readonly #asked = new Map<
    string,
    { readonly answer: Promise<DomainDescription>; readonly signal: AbortSignal | undefined }
  >();

  /** @param directories of the host that the configuration opens for images, beside its pools. */
  constructor(host: LibvirtHost, directories: readonly string[]) {
    this.host = host;
    this.#directories = directories;
  }

  /** Whether the host is this machine; without a connection, what is asked of it says what happened. */
  get local(): boolean {
    const { state } = this.host;
    return state.kind !== "connected" || !/^[a-z0-9+]+:\/\/[^/]/i.test(state.info.uri);
  }

  with<T>(use: (connection: LibvirtConnection) => Promise<T>): Promise<T> {
    return this.host.withConnection(use);
  }

  async describe({ uuid }: Domain, signal?: AbortSignal): Promise<DomainDescription> {
    return await this.find(uuid, signal);
  }

  /** As it runs, with the digest of what the next start uses: the one that libvirt writes alike each time. */
  find(nameOrUuid: string, signal?: AbortSignal): Promise<DomainDescription> {
    // Who asks in the same turn of the event loop has the same answer: nobody can have seen anything in between.
    const asked = this.#asked.get(nameOrUuid);
    if (asked !== undefined && asked.signal === signal) return asked.answer;
    const answer = this.#find(nameOrUuid, signal);
    this.#asked.set(nameOrUuid, { answer, signal });
    queueMicrotask(() => this.#asked.delete(nameOrUuid));
    return answer;
  }

  async #find(nameOrUuid: string, signal?: AbortSignal): Promise<DomainDescription> {
    const found = await this.with((connection) => connection.findDefinedDomain(nameOrUuid, signal));
    const { uuid, name, state, id, persistent, autostart, managedSave } = found.domain;
    const inactive = this.#describeOnce(found.inactive);
    const live = found.live === undefined ? undefined : this.#describeOnce(found.live);
    return {
      ...(live ?? inactive),
      ...{ digest: inactive.digest, liveDigest: live?.digest },
      // It may differ from the definition's for a moment while somebody renames.
      ...{ uuid, name, state, runId: id, persistent, autostart, managedSave },
    };
  }

  /** The VMs; one that goes away meanwhile is left out. */
  async list(signal?: AbortSignal): Promise<DomainDescription[]> {
    const domains = await this.with((connection) => connection.listDomains(signal));
    const described: DomainDescription[] = [];
    for (const domain of domains) {
      try {
        described.push(await this.describe(domain, signal));
      } catch (thrown) {
        if (!(thrown instanceof CasemateError) || thrown.code !== "vm/unknown") throw thrown;
      }
    }
    return described;
  }

  async pools(signal?: AbortSignal): Promise<StoragePoolDescription[]> {
    return await this.with(async (connection) => {
      const described: StoragePoolDescription[] = [];
      for (const pool of await connection.storage.listPools(signal)) {
        described.push(describePool(pool, await connection.storage.poolXml(pool.uuid, signal)));
      }
      return described;
    });
  }

  /** Throws `storage/outside` where the host's files are not this machine's. */
  async guard(signal?: AbortSignal): Promise<StorageGuard> {
    this.#verifyLocal();
    const pools = await this.pools(signal);
    const running = pools.filter(({ state }) => state === "running" || state === "degraded");
    const paths = running.map(({ path }) => path).filter((path) => path !== undefined);
    const readFiles = async (): Promise<readonly string[]> =>
      (await this.diskUsers(signal)).map(({ path }) => path);
    return await StorageGuard.of([...this.#directories, ...paths], readFiles);
  }

  /** Every file that some VM has for a disk, or has a disk rest on. */
  async diskUsers(signal?: AbortSignal): Promise<DiskUser[]> {
    const users: DiskUser[] = [];
    for (const { name, runId, disks } of await this.list(signal)) {
      const running = runId !== undefined;
      for (const disk of disks) {
        const layers = [disk.source, ...disk.backing.map(({ source }) => source)];
        for (const [depth, source] of layers.entries()) {
          const path = await this.pathOf(source, signal);
          const written = depth === 0 && !disk.readonly;
          if (path !== undefined) users.push({ path, vm: name, running, written });
        }
      }
    }
    return users;
  }

  /** Throws `storage/in-use` where a VM uses the file in a way that `minds` says yes to. */
  async verifyUnused(
    file: string,
    minds: (user: DiskUser) => boolean,
    signal?: AbortSignal,
  ): Promise<void> {
    for (const user of await this.diskUsers(signal)) {
      const real = await realpath(user.path).catch(() => user.path); // gone: nobody's but its name
      if (real !== file || !minds(user)) continue;
      throw new CasemateError(
        "storage/in-use",
        `Cannot use ${file}: it is a disk of VM ${user.vm}${user.running ? ", which runs" : ""}, expected nobody to use it.`,
      );
    }
  }

  /** The file that a disk is in; undefined where it is in none of this machine. */
  async pathOf(source: DiskSource, signal?: AbortSignal): Promise<string | undefined> {
    switch (source.kind) {
      case "file":
      case "block":
        return source.path;
      case "volume": {
        const pool = (await this.pools(signal)).find(({ name }) => name === source.pool);
        if (pool === undefined || pool.state !== "running") return undefined;
        const volumes = await this.with((connection) =>
          connection.storage.listVolumes(pool.uuid, signal),
        );
        return volumes.find(({ name }) => name === source.volume)?.path;
      }
      case "network":
      case "none":
      case "other":
        return undefined;
    }
  }

  /** The same text says the same: an operation asks for one several times, and to read it takes a millisecond. */
  #describeOnce(xml: string): DefinitionDescription {
    const known = this.#described.get(xml);
    if (known !== undefined) return known;
    const description = describeDomain(xml);
    const [oldest] = this.#described.keys();
    if (oldest !== undefined && this.#described.size >= remembered) this.#described.delete(oldest);
    this.#described.set(xml, description);
    return description;
  }

  #verifyLocal(): void {
    if (this.local) return;
    throw new CasemateError(
      "storage/outside",
      "Cannot use the host's files: it is another machine, expected this one.",
      { next: "Run Casemate on the machine that runs the VM." },
    );
  }
}
