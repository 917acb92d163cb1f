import type { Ledger } from "@casemate/ledger";
import { Type } from "typebox";
import { defineOperation, type Operation } from "../../spine/operation.ts";

/** Has the ledger sign with a new key, which the old one vouches for. */
export function rotateKey(ledger: Ledger): Operation {
  return defineOperation({
    id: "ledger.rotate",
    summary: "Change the ledger's signing key",
    on: "system",
    parameters: Type.Object({}, { additionalProperties: false }),
    async plan() {
      return {
        steps: ["Make a new signing key, have the old one vouch for it, and forget the old one."],
        effects: [{ kind: "fact", id: "signing key", change: "changed" }],
        irreversible: ["The old key is gone; witnesses must be told to trust the new one."],
        destroysState: false,
        downtime: false,
        diskBytes: 0,
        details: { keys: countKeys(ledger) },
      };
    },
    async execute({ actor }) {
      await ledger.rotateKey(actor);
    },
    async look({ plan: { details } }) {
      return { kind: countKeys(ledger) > details.keys ? "done" : "undone" };
    },
  });
}

function countKeys({ keys }: Ledger): number {
  return keys.length;
}
