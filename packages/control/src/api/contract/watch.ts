import { type Static, Type } from "typebox";
import { documentOf } from "./document.ts";

const closed = { additionalProperties: false } as const;
const Text = Type.String();
const Time = Type.String({ format: "date-time" });
const Figure = Type.Number();
const Coverage = Type.Object({ looked: Figure, total: Figure }, closed);
const Word = Type.Enum(["clean", "suspicious", "inconclusive"]);

/** How the watch over one VM stands: what was looked at last, what that cost, and what could not be looked at. */
export const VmWatch = documentOf("VmWatch", {
  vm: Type.Object({ uuid: Text, name: Text }, closed),
  watched: Type.Boolean({ description: "Whether it is swept now: VMs are that run." }),
  verdict: Type.Enum(["clean", "suspicious", "inconclusive"], {
    description: "inconclusive: some check could not look, or none has yet.",
  }),
  coverage: Type.Object(
    { looked: Figure, total: Figure },
    { ...closed, description: "How many of all checks could look at all that they look at." },
  ),
  openFindings: Type.Integer({ minimum: 0 }),
  classes: Type.Array(Type.String(), {
    description: "The classes of data that policies let the watch read of this VM.",
  }),
  lastSweep: Type.Optional(Type.Object({ at: Time, elapsedMs: Figure, cpuMs: Figure }, closed)),
  failure: Type.Optional(Type.Object({ at: Time, code: Text, message: Text }, closed)),
  nextSweep: Type.Optional(Time),
  budget: Type.Optional(
    Type.Object(
      {
        cpuMsPerMinute: Figure,
        cpuMsLeft: Type.Number({ description: "Below nothing: the next sweep waits." }),
        cpuMsLastMinute: Figure,
        pauseUs: Type.Number({ description: "For how long a sweep may have the VM stand still." }),
      },
      closed,
    ),
  ),
  untold: Type.Integer({ description: "Suspicions that were too many to be findings." }),
  detectors: Type.Array(
    Type.Object(
      {
        detector: Text,
        verdict: Word,
        at: Time,
        suspicions: Figure,
        coverage: Coverage,
        missed: Type.Array(Type.Object({ what: Text, reason: Text }, closed)),
        consistency: Text,
        looks: Figure,
        steps: Figure,
        milliseconds: Figure,
      },
      closed,
    ),
  ),
  unasked: Type.Array(Type.Object({ detector: Text, reason: Text }, closed), {
    description: "Detectors that did not look.",
  }),
});
export type VmWatch = Static<typeof VmWatch>;
