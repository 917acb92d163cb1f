import { DATA_CLASSES } from "@casemate/inspect";
import { type Static, Type } from "typebox";
import { documentOf } from "./document.ts";

const closed = { additionalProperties: false } as const;
const Text = Type.String();

const fields = {
  id: Type.String({ description: "That of the request for it." }),
  vm: Type.Object({ uuid: Text, name: Text, host: Text }, closed),
  at: Type.String({ format: "date-time", description: "When it was sealed." }),
  by: Type.String({ description: "Who asked for it." }),
  classes: Type.Array(Type.Enum([...DATA_CLASSES]), { description: "What of the guest is in it." }),
  findings: Type.Array(Text, { description: "The ids of those it is about." }),
  memory: Type.Boolean({ description: "Whether the guest's whole RAM is in it." }),
  manifest: Type.String({ description: "SHA-256 of its manifest, which the ledger has." }),
  fact: Type.Integer({ minimum: 0, description: "The fact in the ledger that seals it." }),
  bytes: Type.Optional(
    Type.Integer({ minimum: 0, description: "Left out where the bundle is not there any more." }),
  ),
};

/** A bundle of evidence that was saved. */
export const EvidenceDocument = documentOf("Evidence", fields);
export type EvidenceDocument = Static<typeof EvidenceDocument>;

export const EvidenceList = documentOf("EvidenceList", {
  items: Type.Array(Type.Object(fields, closed)),
});
export type EvidenceList = Static<typeof EvidenceList>;
