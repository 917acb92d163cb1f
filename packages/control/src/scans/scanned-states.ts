import { createHash } from "node:crypto";
import type { VmScan } from "@casemate/agent";
import { canonicalJson, type JsonObject } from "@casemate/core";
import type { PackageInventory } from "@casemate/scan";
import type { Kysely } from "kysely";
import type { VmResource } from "../spine/gate.ts";
import type { Tables } from "../store/tables.ts";
import { type StoredUses, summarizeUses } from "./package-uses.ts";

/** A state of a VM that was scanned, now or in the past. */
export interface StoredState {
  readonly resource: VmResource;
  /** The snapshot's name; undefined: the VM's own disks. */
  readonly snapshot: string | undefined;
  /** Since when the disks were seen to be so, ISO 8601; a snapshot's own date. */
  readonly firstAt: string;
  readonly lastAt: string;
  /** Which inventory it has. */
  readonly inventory: string;
  /** How much could not be looked at: its inventory may lack what was there. */
  readonly missed: number;
  /** How its packages were used, where that was looked at. */
  readonly uses: StoredUses | undefined;
}

/** What was installed in every state that was ever scanned, so that no disk is read for a new advisory. */
export interface ScannedStates {
  /** Keeps the packages of a scan that looked for them, and how they are used; nothing else of it. */
  keep(resource: VmResource, scan: VmScan): Promise<void>;
  list(): Promise<readonly StoredState[]>;
  /** The inventories that states have, each once, by content key. */
  inventories(): Promise<ReadonlyMap<string, PackageInventory>>;
}

export function scannedStatesIn(db: Kysely<Tables>): ScannedStates {
  return {
    async keep(resource, { os, found: { packages, packageUses }, state, missed }) {
      if (packages === undefined) return;
      const contents = canonicalJson({
        ...(os === undefined ? {} : { os }),
        packages,
      } as unknown as JsonObject); // plain values, as the scanner's answer was checked to be
      const sha256 = createHash("sha256").update(contents).digest("hex");
      const at = state.at.toISOString();
      const snapshot = state.name ?? null;
      // What memory did not say leaves the packages on the disks as known as they were.
      const unread = missed.filter(({ what }) => !what.startsWith("memory/")).length;
      await db.transaction().execute(async (transaction) => {
        await transaction
          .insertInto("package_inventories")
          .values({ sha256, contents })
          .onConflict((conflict) => conflict.column("sha256").doNothing())
          .execute();
        const last = await transaction
          .selectFrom("scanned_states")
          .select(["id", "inventory", "missed", "first_at"])
          .where("host_id", "=", resource.host)
          .where("vm_uuid", "=", resource.uuid)
          .where("snapshot", "is not distinct from", snapshot)
          .orderBy("id", "desc")
          .executeTakeFirst();
        const told = {
          ...{ resource: JSON.stringify(resource), missed: unread, last_at: at },
          // A later scan of the same disks that did not look into memory leaves what was known.
          ...(packageUses && { uses: JSON.stringify(summarizeUses(packageUses, at)) }),
        };
        const isSame = last?.inventory === sha256 && last.missed === unread;
        // A snapshot of another date is another one, whatever its name.
        if (isSame && (snapshot === null || last.first_at === at)) {
          await transaction
            .updateTable("scanned_states")
            .set(told)
            .where("id", "=", last.id)
            .execute();
          return;
        }
        await transaction
          .insertInto("scanned_states")
          .values({
            ...told,
            host_id: resource.host,
            vm_uuid: resource.uuid,
            snapshot,
            first_at: at,
            inventory: sha256,
          })
          .execute();
      });
    },

    async list() {
      const rows = await db.selectFrom("scanned_states").selectAll().orderBy("id").execute();
      return rows.map((row) => ({
        resource: JSON.parse(row.resource) as VmResource, // `keep` wrote it
        snapshot: row.snapshot ?? undefined,
        firstAt: row.first_at,
        lastAt: row.last_at,
        inventory: row.inventory,
        missed: row.missed,
        uses: row.uses === null ? undefined : (JSON.parse(row.uses) as StoredUses), // `keep` wrote it
      }));
    },

    async inventories() {
      const rows = await db.selectFrom("package_inventories").selectAll().execute();
      return new Map(
        rows.map(({ sha256, contents }) => [sha256, JSON.parse(contents) as PackageInventory]), // `keep` wrote it
      );
    },
  };
}
