import { type Static, Type } from "typebox";
import { documentOf } from "./document.ts";
import { YaraRules } from "./yara-rules.ts";

/** How long a scan may take unless it is told, in milliseconds. */
export const defaultScanBudgetMs = 60_000;

/** What a scan may be told, in its order and in its parameters. */
export const ScanOrder = {
  snapshot: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description: "The VM's snapshot to scan; the VM as it is now, unless given.",
    }),
  ),
  running: Type.Optional(
    Type.Boolean({
      description:
        "Whether what is found is held against the memory of the VM, which has to run: its kernel, processes that need a restart, packages in memory.",
    }),
  ),
  only: Type.Optional(
    Type.Array(Type.String({ pattern: "^[a-zA-Z]{1,64}$" }), {
      minItems: 1,
      maxItems: 64,
      description:
        "The sections to look for; unless given, those that give nothing of what stands in files.",
    }),
  ),
  everyFile: Type.Optional(
    Type.Boolean({
      description: "Whether all files are put to the rules, not programs and scripts alone.",
    }),
  ),
  budget: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 600_000,
      description: `Time the scan may take, in milliseconds (default ${defaultScanBudgetMs}).`,
    }),
  ),
};

/** A scan's order: what it may be told, and what is handed over for it and not kept. */
export const ScanBody = Type.Object(
  {
    ...ScanOrder,
    rules: Type.Optional(YaraRules),
    passphrase: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 16_384,
        contentEncoding: "base64",
        pattern: "^[A-Za-z0-9+/]+={0,2}$",
        description: "Opens what is encrypted with LUKS; in base64.",
      }),
    ),
    request: Type.Optional(
      Type.String({
        format: "uuid",
        description: "A request for this very scan that has been approved.",
      }),
    ),
  },
  { additionalProperties: false },
);

const Text = Type.String();
const Row = Type.Record(Text, Type.Unknown());
const Amount = Type.Object(
  { read: Type.Number({ minimum: 0 }), total: Type.Number({ minimum: 0 }) },
  { additionalProperties: false },
);

/**
 * What is on the disks of a state of a VM.
 *
 * HOSTILE: the guest controls every value of every row.
 */
export const SystemScan = documentOf("SystemScan", {
  subject: Type.String({ description: "The VM." }),
  state: Type.Object(
    {
      kind: Type.Union([Type.Literal("running"), Type.Literal("off"), Type.Literal("snapshot")], {
        description: "running: as the disks were at one moment while the VM ran on.",
      }),
      name: Type.Optional(Type.String({ description: "The snapshot's name." })),
      at: Type.String({ format: "date-time", description: "When the disks were so." }),
      consistency: Type.Union([Type.Literal("consistent"), Type.Literal("torn")], {
        description: "torn: the VM was started meanwhile; parts may be of different moments.",
      }),
    },
    { additionalProperties: false },
  ),
  takenAt: Type.String({ format: "date-time" }),
  elapsedMs: Type.Number({ minimum: 0 }),
  os: Type.Optional(Row),
  volumes: Type.Array(Row),
  found: Type.Record(Text, Type.Array(Row), { description: "The rows of each section." }),
  missed: Type.Array(
    Type.Object({ what: Text, code: Text, reason: Text }, { additionalProperties: false }),
    { description: "What could not be looked at: where there is any, nothing is proven clean." },
  ),
  coverage: Type.Object(
    { volumes: Amount, bytes: Amount, files: Type.Optional(Amount) },
    { additionalProperties: false },
  ),
});
export type SystemScan = Static<typeof SystemScan>;
