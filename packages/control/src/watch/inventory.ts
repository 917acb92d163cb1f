import type { AgentVm, HostAgent } from "@casemate/agent";
import type { Kysely } from "kysely";
import type { Tables } from "../store/tables.ts";

/** When something was first and last seen, as ISO 8601 in UTC. */
export interface Seen {
  readonly firstSeen: string;
  readonly lastSeen: string;
}

/** The memory of which hosts and VMs were ever there. */
export interface Inventory {
  /** Notes that the host answers now. */
  sawHost(host: HostAgent): Promise<void>;
  hostSeen(id: string): Promise<Seen | undefined>;
  /** Notes what the host has now; VMs that it no longer has get the state `gone`. */
  sawVms(host: HostAgent, vms: readonly AgentVm[]): Promise<void>;
  /** When the VMs that are seen now were first seen, by UUID. Writes nothing down. */
  vmsSeen(host: HostAgent, uuids: readonly string[]): Promise<ReadonlyMap<string, Seen>>;
}

export function inventoryIn(db: Kysely<Tables>): Inventory {
  return {
    async sawHost({ id, name, uri }) {
      const now = new Date().toISOString();
      await db
        .insertInto("hosts")
        .values({ id, name, uri, first_seen: now, last_seen: now })
        .onConflict((conflict) => conflict.column("id").doUpdateSet({ name, uri, last_seen: now }))
        .execute();
    },

    async hostSeen(id) {
      const row = await db
        .selectFrom("hosts")
        .select(["first_seen", "last_seen"])
        .where("id", "=", id)
        .executeTakeFirst();
      return row && { firstSeen: row.first_seen, lastSeen: row.last_seen };
    },

    async sawVms(host, vms) {
      const now = new Date().toISOString();
      await db.transaction().execute(async (transaction) => {
        const known = await transaction
          .selectFrom("vms")
          .selectAll()
          .where("host_id", "=", host.id)
          .execute();
        const present = new Set(vms.map(({ uuid }) => uuid));
        for (const { uuid, name, state } of vms) {
          await transaction
            .insertInto("vms")
            .values({ uuid, host_id: host.id, name, state, first_seen: now, last_seen: now })
            .onConflict((conflict) =>
              conflict.columns(["host_id", "uuid"]).doUpdateSet({ name, state, last_seen: now }),
            )
            .execute();
        }
        for (const row of known) {
          if (present.has(row.uuid) || row.state === "gone") continue;
          await transaction
            .updateTable("vms")
            .set({ state: "gone" })
            .where("host_id", "=", host.id)
            .where("uuid", "=", row.uuid)
            .execute();
        }
      });
    },

    async vmsSeen(host, uuids) {
      const lastSeen = new Date().toISOString();
      const known = await db
        .selectFrom("vms")
        .select(["uuid", "first_seen"])
        .where("host_id", "=", host.id)
        .execute();
      const before = new Map(known.map((row) => [row.uuid, row.first_seen]));
      return new Map(
        uuids.map((uuid) => [uuid, { firstSeen: before.get(uuid) ?? lastSeen, lastSeen }]),
      );
    },
  };
}
