import { dirname, join } from "node:path";
import type { DomainDescription, HostAgent, HypervisorFacts } from "@casemate/agent";
import {
  type DefinitionDescription,
  describeDomain,
  type SnapshotDescription,
} from "@casemate/agent";
import type { DerivedIdentity } from "./derive-identity.ts";
import { readDiskImage } from "./disk-image.ts";
import { findDiskDirectory } from "./find-disk-directory.ts";
import { isExternal } from "./find-snapshot.ts";
import { refused } from "./refused.ts";

/** How a clone's disks come to be. */
export type CloneWay =
  /** Whole copies of what nobody writes. */
  | "copy"
  /** Copies of what a running guest writes, as it is at one moment. */
  | "backup"
  /** New files above what the source rests on too. */
  | "overlay";

export type CloneDisk = {
  readonly target: string;
  readonly from: string;
  readonly fromFormat: string;
  readonly to: string;
};

export interface CloneDisks {
  readonly way: CloneWay;
  readonly disks: readonly CloneDisk[];
  /** An internal snapshot that is copied instead of the present state. */
  readonly internal: string | null;
  /** The snapshot of the source that is taken so that what is shared is not written any more: its overlays by target. */
  readonly freeze: {
    readonly name: string;
    readonly overlays: Readonly<Record<string, string>>;
  } | null;
  /** The definition that is cloned. */
  readonly definition: DefinitionDescription;
  /** What the copies take at first, and what they may grow to; in bytes. */
  readonly firstBytes: ReadonlyMap<string, number>;
  readonly mostBytes: number;
}

export interface CloneOrder {
  readonly doing: string;
  readonly vm: DomainDescription;
  readonly name: string;
  readonly linked: boolean;
  readonly snapshot: SnapshotDescription | undefined;
  readonly pool: string | undefined;
  readonly identity: DerivedIdentity;
}

/** Where a clone's disks come from and how. Throws `operation/refused` for what cannot be cloned that way. */
export async function planClone(
  order: CloneOrder,
  host: HostAgent,
  signal: AbortSignal,
): Promise<CloneDisks> {
  const { doing, vm, name, linked, snapshot, identity } = order;
  const { domains, snapshots, images } = host.hypervisor;
  const kept =
    snapshot === undefined ? undefined : await snapshots.definition(vm.uuid, snapshot.name, signal);
  const xml =
    kept ?? (await domains.definition(vm.uuid, vm.persistent ? "inactive" : "live", signal));
  const definition = describeDomain(xml);
  const own = definition.disks.filter(
    ({ readonly, device, source }) =>
      !readonly && device !== "cdrom" && device !== "floppy" && source.kind !== "none",
  );
  const way = chooseWay(order, await host.hypervisor.facts(signal));
  const pool =
    order.pool === undefined ? undefined : await findDiskDirectory(doing, host, order.pool, signal);
  const disks: CloneDisk[] = [];
  const overlays: Record<string, string> = {};
  const firstBytes = new Map<string, number>();
  let mostBytes = 0;
  for (const disk of own) {
    const { target } = disk;
    const image = await readDiskImage(host, disk, signal);
    if (image === undefined)
      throw refused(doing, `its disk ${target} is on the network`, "disks that are files");
    if (snapshot === undefined) verifySameLive(doing, vm, target, image.path);
    const from =
      snapshot === undefined
        ? { path: image.path, format: image.format }
        : await findState(doing, host, snapshot, target, image, signal);
    if (linked && image.block)
      throw refused(doing, `its disk ${target} is a block device`, "files to link to");
    const to = join(pool ?? dirname(from.path), `${name}-${target}-${identity.tag}.qcow2`);
    disks.push({ target, from: from.path, fromFormat: from.format, to });
    if (linked) {
      overlays[target] = join(
        dirname(image.path),
        `${vm.uuid.slice(0, 8)}-${target}-${identity.tag}.qcow2`,
      );
      firstBytes.set(to, 0);
      continue;
    }
    const described = await images.describe(from.path, from.format, signal);
    if (described.encrypted)
      throw refused(doing, `its disk ${target} is encrypted`, "one that can be read");
    const whole = [described, ...described.backing].reduce(
      (sum, layer) => sum + layer.actualSize,
      0,
    );
    firstBytes.set(to, whole);
    mostBytes += described.virtualSize;
  }
  const internal =
    snapshot?.disks.some(({ kind }) => kind === "internal") === true ? snapshot.name : null;
  if (internal !== null && linked) {
    throw refused(
      doing,
      `${internal} is inside the disk's image`,
      "a full clone, or an external snapshot",
    );
  }
  if (internal !== null && vm.runId !== undefined) {
    throw refused(
      doing,
      `it runs, and writes the image that ${internal} is in`,
      "it to be stopped",
    );
  }
  if (linked && snapshot === undefined) await verifyCanFreeze(doing, host, vm.uuid, signal);
  const freeze =
    linked && snapshot === undefined && disks.length > 0
      ? { name: `casemate-${identity.tag}`, overlays }
      : null;
  return { way, disks, internal, freeze, definition, firstBytes, mostBytes };
}

function chooseWay({ doing, vm, linked, snapshot }: CloneOrder, facts: HypervisorFacts): CloneWay {
  if (linked) {
    if (!facts.externalSnapshots) {
      throw refused(
        doing,
        `libvirt ${facts.libvirtVersion} cannot take external snapshots`,
        "a full clone",
      );
    }
    return "overlay";
  }
  if (snapshot !== undefined || vm.runId === undefined) return "copy";
  if (facts.backup) return "backup";
  throw refused(
    doing,
    `it runs, and libvirt ${facts.libvirtVersion} cannot copy it while it does`,
    "it to be stopped",
  );
}

/** libvirt cannot merge an external snapshot back that stands on an internal one. */
async function verifyCanFreeze(
  doing: string,
  { hypervisor: { snapshots } }: HostAgent,
  uuid: string,
  signal: AbortSignal,
): Promise<void> {
  const current = (await snapshots.list(uuid, signal)).find((snapshot) => snapshot.current);
  if (current === undefined || isExternal(current)) return;
  throw refused(
    doing,
    `its state stands on the internal snapshot ${current.name}, on which no external one can be taken back`,
    "a full clone",
  );
}

/** What is copied while it runs are the disks it runs with. */
function verifySameLive(doing: string, vm: DomainDescription, target: string, path: string): void {
  if (vm.runId === undefined) return;
  const live = vm.disks.find((disk) => disk.target === target);
  if (live !== undefined && "path" in live.source && live.source.path === path) return;
  throw refused(doing, `it runs with another disk ${target} than its definition says`, "the same");
}

/** The image that holds a disk as a snapshot kept it. */
async function findState(
  doing: string,
  { hypervisor: { images } }: HostAgent,
  snapshot: SnapshotDescription,
  target: string,
  image: { readonly path: string; readonly format: string },
  signal: AbortSignal,
): Promise<{ readonly path: string; readonly format: string }> {
  const kept = snapshot.disks.find((disk) => disk.target === target);
  switch (kept?.kind) {
    case "internal":
      return image;
    case "external": {
      if (kept.overlay === undefined) break;
      // What the snapshot keeps is what lies below the file that took the writes after it.
      const { backing } = await images.describe(kept.overlay, "qcow2", signal);
      const [below] = backing;
      if (below !== undefined) return { path: below.path, format: below.format };
      break;
    }
    case "none":
    case undefined:
      break;
  }
  throw refused(
    doing,
    `snapshot ${snapshot.name} did not keep its disk ${target}`,
    "one of all disks",
  );
}
