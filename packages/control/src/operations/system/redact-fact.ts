import { CasemateError } from "@casemate/core";
import type { Ledger } from "@casemate/ledger";
import { Type } from "typebox";
import { defineOperation, type Operation } from "../../spine/operation.ts";

/** Takes a sealed body out of the ledger; the fact and every proof of it stay. */
export function redactFact(ledger: Ledger): Operation {
  const readBody = async (index: number, name: string) => {
    const { kind, commitments = {}, sealed = {} } = await ledger.read(index);
    return { kind, commitment: commitments[name], there: sealed[name] !== undefined };
  };
  return defineOperation({
    id: "ledger.redact",
    summary: "Remove a sealed body from the ledger",
    on: "system",
    parameters: Type.Object(
      {
        index: Type.Integer({ minimum: 0, description: "The fact." }),
        name: Type.String({ minLength: 1, maxLength: 64, description: "Which body of it." }),
        reason: Type.String({ minLength: 1, maxLength: 2_000 }),
      },
      { additionalProperties: false },
    ),
    async plan({ parameters: { index, name, reason } }) {
      const { kind, commitment, there } = await readBody(index, name);
      if (commitment === undefined || !there) {
        throw new CasemateError(
          "operation/refused",
          `Cannot redact ${name} of fact ${index}: ${commitment === undefined ? "it has no such body" : "it is gone already"}.`,
        );
      }
      return {
        steps: [`Remove the body "${name}" of fact ${index} (${kind}).`],
        effects: [{ kind: "fact", id: String(index), change: "changed" }],
        irreversible: ["The body is gone for good; that it was there, and its commitment, stay."],
        destroysState: false,
        downtime: false,
        diskBytes: 0,
        details: { index, name, reason, commitment },
      };
    },
    async execute({ plan: { details }, actor }) {
      const { index, name, reason } = details;
      await ledger.redact(index, { actor, reason, names: [name] });
    },
    async look({ plan: { details } }) {
      const { there } = await readBody(details.index, details.name);
      return { kind: there ? "undone" : "done" };
    },
  });
}
