import { type Static, Type } from "typebox";
import { documentOf } from "./document.ts";
import { SuspicionEvidence } from "./suspicion-evidence.ts";
import { YaraRules } from "./yara-rules.ts";

/** How long a detector's look may take unless it is told, in milliseconds. */
export const defaultSweepBudgetMs = 2_000;

/** What a check may be told, in its order and in its parameters. */
export const CheckOrder = {
  detectors: Type.Optional(
    Type.Array(Type.String({ pattern: "^[a-z][a-z-]{0,63}$" }), {
      minItems: 1,
      maxItems: 100,
      description:
        "The detectors that look; unless given, those that read nothing of what processes and files hold, signatures where rules are given, and agent-answers where the agent is asked.",
    }),
  ),
  allMemory: Type.Optional(
    Type.Boolean({
      description:
        "Whether all of processes' own memory is put to the rules, not what may be executed alone.",
    }),
  ),
  agent: Type.Optional(
    Type.Boolean({
      description:
        "Whether the agent in the guest is asked, so that what it says is held against memory: the guest notices.",
    }),
  ),
  budget: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 60_000,
      description: `Time each of them may take for a look, in milliseconds (default ${defaultSweepBudgetMs}).`,
    }),
  ),
};

/** A check's order: what it may be told, and what is handed over for it and not kept. */
export const CheckBody = Type.Object(
  {
    ...CheckOrder,
    rules: Type.Optional(YaraRules),
    request: Type.Optional(
      Type.String({
        format: "uuid",
        description: "A request for this very check that has been approved.",
      }),
    ),
  },
  { additionalProperties: false },
);

const Text = Type.String();
const Count = Type.Number({ minimum: 0 });

export const Suspicion = Type.Object(
  {
    key: Type.String({ description: "The same for as long as the fact is." }),
    title: Text,
    severity: Type.Union([
      Type.Literal("low"),
      Type.Literal("medium"),
      Type.Literal("high"),
      Type.Literal("critical"),
    ]),
    because: Type.String({ description: "Why it is that bad." }),
    techniques: Type.Array(Type.String({ description: "Of MITRE ATT&CK." })),
    evidence: Type.Array(SuspicionEvidence),
    remediation: Text,
  },
  { additionalProperties: false },
);

const Verdict = Type.Object(
  {
    detector: Text,
    verdict: Type.Union([
      Type.Literal("clean"),
      Type.Literal("suspicious"),
      Type.Literal("inconclusive"),
    ]),
    suspicions: Type.Array(Suspicion),
    missed: Type.Array(Type.Object({ what: Text, reason: Text }, { additionalProperties: false }), {
      description: "Why it is not known to be clean.",
    }),
    coverage: Type.Object({ looked: Count, total: Count }, { additionalProperties: false }),
    consistency: Type.Union([
      Type.Literal("consistent"),
      Type.Literal("retried"),
      Type.Literal("torn"),
    ]),
    looks: Count,
    steps: Count,
    milliseconds: Count,
  },
  { additionalProperties: false },
);

/**
 * What detectors say of a guest, from outside.
 *
 * HOSTILE: the guest controls names and texts in it.
 */
export const GuestCheck = documentOf("GuestCheck", {
  subject: Type.String({ description: "The VM that was looked into." }),
  takenAt: Type.String({ format: "date-time" }),
  elapsedMs: Type.Number({ minimum: 0, description: "How long it took, in milliseconds." }),
  items: Type.Array(Verdict),
});
export type GuestCheck = Static<typeof GuestCheck>;
