import { severities } from "@casemate/inspect";
import { type Static, Type } from "typebox";
import { findingStates } from "../../watch/findings/finding.ts";
import { documentOf } from "./document.ts";
import { SuspicionEvidence } from "./suspicion-evidence.ts";

const closed = { additionalProperties: false } as const;
const Text = Type.String();

const Response = Type.Object(
  {
    id: Type.String({ description: "The request's, where one was made." }),
    rule: Text,
    response: Text,
    operation: Type.Optional(Text),
    state: Type.Enum(["rehearsed", "told", "ordered", "failed"]),
    at: Type.String({ format: "date-time" }),
    decision: Type.Optional(Text),
    steps: Type.Array(Text),
    message: Type.Optional(Text),
    request: Type.Optional(Type.String({ description: "How far the request is." })),
  },
  closed,
);

const fields = {
  id: Type.String({ description: "The same for the same thing, each time it is seen." }),
  vm: Type.Object(
    { uuid: Text, name: Text, host: Text, networks: Type.Array(Text), labels: Type.Array(Text) },
    closed,
  ),
  detector: Text,
  title: Text,
  severity: Type.Enum([...severities]),
  severityBy: Type.String({ description: "Who says so: `detector`, or `rule NAME`." }),
  because: Text,
  techniques: Type.Array(Type.String({ description: "Of MITRE ATT&CK for Enterprise." })),
  needs: Type.Array(Type.String({ description: "A class of data that it was found in." })),
  remediation: Text,
  evidence: Type.Array(SuspicionEvidence),
  withheld: Type.Optional(
    Type.String({ description: "Why the evidence is not here: the caller may not look there." }),
  ),
  state: Type.Enum([...findingStates]),
  firstSeen: Type.String({ format: "date-time" }),
  lastSeen: Type.String({ format: "date-time", description: "To within some minutes." }),
  changedAt: Type.String({ format: "date-time" }),
  acknowledged: Type.Optional(
    Type.Object({ by: Text, until: Type.String({ format: "date-time" }) }, closed),
  ),
  closed: Type.Optional(Type.Object({ by: Text, because: Text }, closed)),
  note: Type.Optional(Type.String({ description: "Why it was acknowledged or closed by hand." })),
};

/**
 * A fact about a VM that a sound one does not have.
 *
 * HOSTILE: the guest has its word in the title, the reasons and the evidence.
 */
export const FindingDocument = documentOf("Finding", {
  ...fields,
  responses: Type.Array(Response, { description: "What rules did about it, or would have done." }),
});
export type FindingDocument = Static<typeof FindingDocument>;

export const FindingList = documentOf("FindingList", {
  items: Type.Array(Type.Object(fields, closed)),
  total: Type.Integer({ minimum: 0, description: "How many there are, listed or not." }),
});
export type FindingList = Static<typeof FindingList>;
