import { formatBytes } from "@casemate/core";
import { Type } from "typebox";
import { defineOperation, type Operation } from "../../spine/operation.ts";
import type { EvidenceStore } from "../../watch/evidence/evidence-store.ts";
import { refused } from "../parts/refused.ts";

/** Deletes a bundle of evidence; the fact that sealed it stays. It may be of a VM that is there no more. */
export function deleteEvidence(evidence: EvidenceStore): Operation {
  return defineOperation({
    id: "evidence.delete",
    summary: "Delete a bundle of evidence",
    on: "system",
    parameters: Type.Object(
      { evidence: Type.String({ format: "uuid", description: "Its id." }) },
      { additionalProperties: false },
    ),
    async plan({ parameters: { evidence: id } }) {
      const { vm, at, by, manifest, bytes } = await evidence.get(id);
      if (bytes === undefined) {
        throw refused(`delete evidence ${id}`, "its file is gone already", "one that is there");
      }
      return {
        steps: [
          `Delete evidence ${id} of ${vm.name}, saved ${at} by ${by}: ${formatBytes(bytes)}.`,
          "That it was sealed stays in the ledger: a copy elsewhere can be verified as before.",
        ],
        effects: [{ kind: "file", id: `evidence/${id}.tar`, change: "removed" }],
        irreversible: ["What is in it is lost where nobody has a copy."],
        destroysState: false,
        downtime: false,
        diskBytes: 0,
        details: { evidence: id, manifest },
      };
    },
    async execute({ plan: { details } }) {
      await evidence.remove(details.evidence);
    },
    async look({ plan: { details } }) {
      const state = await evidence.stateOf(details.evidence);
      return { kind: state === "saved" ? "undone" : "done" };
    },
  });
}
