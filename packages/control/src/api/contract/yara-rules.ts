import { MiB } from "@casemate/core";
import { Type } from "typebox";

/** YARA rules that are handed over for one look and not kept; the largest public collections have some 15 MiB. */
export const YaraRules = Type.Array(
  Type.Object(
    {
      path: Type.String({ maxLength: 4_096, description: "What errors name it by." }),
      namespace: Type.String({ maxLength: 4_096 }),
      source: Type.String(),
    },
    { additionalProperties: false },
  ),
  { minItems: 1, maxItems: 10_000, description: "YARA rules, of each file its text." },
);

/** How rules stand in the parameters of an operation that they are handed over with. */
export const YaraRulesDigest = Type.String({
  pattern: "^[0-9a-f]{64}$",
  description: "SHA-256 of the YARA rules that are handed over, as canonical JSON.",
});

/** The largest order with rules. */
export const maxRulesBodyBytes = 32 * MiB;
