import type { GuestSweep } from "@casemate/agent";
import type { GuestCheck } from "./contract/check.ts";
import { asDocument } from "./contract/document.ts";

/** What detectors say, as it is shown. */
export function showCheck({ subject, takenAt, elapsedMs, verdicts }: GuestSweep): GuestCheck {
  const items = verdicts.map(({ suspicions, missed, ...verdict }) => ({
    ...verdict,
    missed: [...missed],
    suspicions: suspicions.map(({ techniques, evidence, ...suspicion }) => ({
      ...suspicion,
      techniques: [...techniques],
      evidence: evidence.map(({ disassembly, path, ...each }) => ({
        ...each,
        ...(disassembly === undefined ? {} : { disassembly: [...disassembly] }),
        ...(path === undefined ? {} : { path: [...path] }),
      })),
    })),
  }));
  return asDocument("GuestCheck", { subject, takenAt: takenAt.toISOString(), elapsedMs, items });
}
