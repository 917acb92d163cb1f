/** Moments of an operation at which a crash leaves most behind, in their order. */
export const faultPoints = [
  "planned",
  "made",
  "turn",
  "replanned",
  "intended",
  "executed",
  "concluded",
  "ended",
] as const;
export type FaultPoint = (typeof faultPoints)[number];

/** Called at each of them; what ends the process there proves that nothing is lost. */
export type AtFaultPoint = (point: FaultPoint) => void;
