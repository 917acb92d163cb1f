import { type Static, Type } from "typebox";
import { documentOf } from "./document.ts";

/** A saved state of a VM. HOSTILE: names are their author's. */
const Snapshot = Type.Object(
  {
    name: Type.String(),
    parent: Type.Optional(Type.String({ description: "The snapshot it was taken after." })),
    current: Type.Boolean({ description: "Whether it is the one that the VM goes on from." }),
    createdAt: Type.String({ format: "date-time", description: "By the host's clock." }),
    state: Type.String({ description: "What the VM did then, in libvirt's words." }),
    clean: Type.Optional(
      Type.Object(
        {
          knownAt: Type.String({ format: "date-time" }),
          looked: Type.Integer({
            description: "How many checks found nothing in what became of it.",
          }),
          total: Type.Integer({ description: "How many may look." }),
          doubtedBy: Type.Optional(
            Type.String({ description: "The finding that it is not known clean any more for." }),
          ),
        },
        { additionalProperties: false, description: "Where sweeps have found it clean." },
      ),
    ),
  },
  { additionalProperties: false },
);

export const SnapshotList = documentOf("SnapshotList", { items: Type.Array(Snapshot) });
export type SnapshotList = Static<typeof SnapshotList>;
