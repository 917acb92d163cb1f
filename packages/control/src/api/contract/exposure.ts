import { type Static, Type } from "typebox";
import { documentOf } from "./document.ts";

const Nullable = (description: string) => Type.Union([Type.String(), Type.Null()], { description });

const Exposure = Type.Object(
  {
    vm: Type.Object({ uuid: Type.String(), name: Type.String(), host: Type.String() }),
    vulnerability: Type.String({ description: "The CVE, or the advisory's own name." }),
    severity: Nullable("low to critical, as the worst of the feeds says."),
    package: Type.String(),
    installed: Type.String({ description: "The version in the latest state that has it." }),
    fixed: Nullable("The first version without it; null: there is none yet."),
    firstState: Type.String({ description: "The earliest state that has it." }),
    firstExposedOn: Type.String({ format: "date-time" }),
    published: Nullable("When the first advisory was published."),
    knownExposureSince: Type.String({
      format: "date-time",
      description: "Since when it was both there and known.",
    }),
    latestState: Type.String({ description: "The latest state that has it." }),
    isCurrent: Type.Boolean({ description: "Whether the VM's own disks have it, as last seen." }),
    use: Type.Union(
      [
        Type.Object(
          {
            level: Type.Union([
              Type.Literal("listening"),
              Type.Literal("mapped"),
              Type.Literal("running-kernel"),
              Type.Literal("not-loaded"),
              Type.Literal("unknown"),
            ]),
            at: Type.String({ format: "date-time" }),
          },
          { additionalProperties: false },
        ),
        Type.Null(),
      ],
      {
        description:
          "Whether the package ran when memory was last looked at, in a process that listens or another; null: it was not looked at, or the caller may not look there.",
      },
    ),
  },
  { additionalProperties: false },
);

export const ExposureList = documentOf("ExposureList", {
  advisories: Type.Union([
    Type.Object({ sha256: Type.String(), created: Type.String({ format: "date-time" }) }),
    Type.Null(),
  ]),
  items: Type.Array(Exposure),
  inconclusive: Type.Array(Type.Object({ vm: Type.String(), reason: Type.String() }), {
    description:
      "VMs of which not all is known: where one is not among the items, it is not clean.",
  }),
});
export type ExposureList = Static<typeof ExposureList>;
