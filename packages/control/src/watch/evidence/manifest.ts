import { canonicalJson } from "@casemate/core";
import { DATA_CLASSES } from "@casemate/inspect";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { documentOf } from "../../api/contract/document.ts";
import { isBundleName } from "./bundle-names.ts";
import { malformedEvidence } from "./evidence-error.ts";

const closed = { additionalProperties: false } as const;
const Text = Type.String();
const Time = Type.String({ pattern: "^\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z$" });
const Hash = Type.String({ pattern: "^[0-9a-f]{64}$" });

/**
 * What a bundle holds, of what, made by whom: the document whose hash the ledger has.
 *
 * HOSTILE: the guest has its word in the kernel's texts and in what was missed.
 */
export const EvidenceManifest = documentOf("EvidenceManifest", {
  version: Type.Literal(1),
  evidence: Type.String({ description: "Its id: that of the request." }),
  vm: Type.Object(
    {
      ...{ uuid: Text, name: Text, runId: Text },
      ...{ networks: Type.Array(Text), labels: Type.Array(Text) },
    },
    closed,
  ),
  host: Type.Object({ id: Text, name: Text }, closed),
  kernel: Type.Union([
    Type.Null(),
    Type.Object({ release: Text, buildId: Type.Union([Text, Type.Null()]) }, closed),
  ]),
  requester: Text,
  casemate: Type.String({ description: "The version of Casemate that made it." }),
  begunAt: Time,
  endedAt: Time,
  classes: Type.Array(Type.Enum([...DATA_CLASSES]), { description: "What of the guest was read." }),
  findings: Type.Array(Text, { description: "The ids of those it is about." }),
  consistency: Type.Enum(["consistent", "retried", "torn"], {
    description: "How far the least of the looks can be trusted to be of one moment.",
  }),
  pauseMicroseconds: Type.Number({ minimum: 0, description: "How long the guest stood still." }),
  missed: Type.Array(Type.Object({ what: Text, reason: Text }, closed), {
    description: "What is not in it because it could not be looked at.",
  }),
  files: Type.Array(
    Type.Object({ name: Text, size: Type.Integer({ minimum: 0 }), sha256: Hash }, closed),
  ),
});
export type EvidenceManifest = Static<typeof EvidenceManifest>;

/** The manifest's one form in bytes (RFC 8785). */
export function formatManifest(manifest: EvidenceManifest): Uint8Array {
  return Buffer.from(canonicalJson(manifest));
}

/** HOSTILE: whoever shows the bundle made it. Throws `evidence/malformed`. */
export function parseManifest(bytes: Uint8Array): EvidenceManifest {
  const needed = "a document of the kind EvidenceManifest";
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (thrown) {
    throw malformedEvidence("its manifest is not JSON", needed, thrown);
  }
  if (!Value.Check(EvidenceManifest, document)) {
    throw malformedEvidence("its manifest's members are others", needed);
  }
  const names = document.files.map(({ name }) => name);
  if (!names.every(isBundleName) || new Set(names).size < names.length) {
    throw malformedEvidence("its manifest names a file twice or outside of it", needed);
  }
  return document;
}
