import type { Kysely } from "kysely";
import type { Tables } from "../store/tables.ts";

/** A look into a VM, before it happens. */
export interface Inspection {
  readonly tokenLabel: string;
  readonly vm: { readonly uuid: string; readonly name: string };
  readonly view: string;
  readonly dataClass: string;
}

/** Who looked into which VM, at which class of data. A look that cannot be written down does not happen. */
export interface InspectionLog {
  /** Writes the intent down; the returned function adds the outcome: `done` or an error code. */
  begin(inspection: Inspection): Promise<(outcome: string) => Promise<void>>;
}

export function inspectionLogIn(db: Kysely<Tables>): InspectionLog {
  return {
    async begin({ tokenLabel, vm, view, dataClass }) {
      const { id } = await db
        .insertInto("inspections")
        .values({
          at: new Date().toISOString(),
          token_label: tokenLabel,
          vm_uuid: vm.uuid,
          vm_name: vm.name,
          view,
          data_class: dataClass,
          outcome: "started",
        })
        .returning("id")
        .executeTakeFirstOrThrow();
      return async (outcome) => {
        await db.updateTable("inspections").set({ outcome }).where("id", "=", id).execute();
      };
    },
  };
}
