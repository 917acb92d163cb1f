import type { Kysely } from "kysely";
import type { Tables } from "../store/tables.ts";

/** A look into a VM, before it happens. */
export interface Inspection {
  readonly tokenLabel: string;
  readonly vm: { readonly uuid: string; readonly name: string };
  readonly view: string;
  /** What the view was told besides: a process id, a path. */
  readonly argument: string | null;
  readonly dataClass: string;
  /** For how long the VM is to be paused at most, in milliseconds; null where it is to run on. */
  readonly pauseLimitMs: number | null;
}

/** Who looked into which VM, at which class of data. A look that cannot be written down does not happen. */
export interface InspectionLog {
  /**
   * Writes the intent down; the returned function adds the outcome, `done` or an error code, and for how
   * many microseconds the VM was paused.
   */
  begin(
    inspection: Inspection,
  ): Promise<(outcome: string, pausedMicroseconds: number | null) => Promise<void>>;
}

export function inspectionLogIn(db: Kysely<Tables>): InspectionLog {
  return {
    async begin({ tokenLabel, vm, view, argument, dataClass, pauseLimitMs }) {
      const { id } = await db
        .insertInto("inspections")
        .values({
          at: new Date().toISOString(),
          token_label: tokenLabel,
          vm_uuid: vm.uuid,
          vm_name: vm.name,
          view,
          argument,
          data_class: dataClass,
          pause_limit_ms: pauseLimitMs,
          outcome: "started",
        })
        .returning("id")
        .executeTakeFirstOrThrow();
      return async (outcome, paused_us) => {
        await db
          .updateTable("inspections")
          .set({ outcome, paused_us })
          .where("id", "=", id)
          .execute();
      };
    },
  };
}
