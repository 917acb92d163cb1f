import { CasemateError, type Milliseconds } from "@casemate/core";
import type { Allowances, DataClass, Verdict } from "@casemate/inspect";
import { type AnyDetector, detectors } from "@casemate/inspect/detectors";
import type { YaraRuleFile } from "@casemate/scan/yara-rule-files";

/** Which detectors are to look, at what. */
export interface SweepRequest {
  /** Their ids. */
  readonly detectors: readonly string[];
  /** The classes of data that they may read: those that need others are inconclusive. */
  readonly classes: readonly DataClass[];
  /** Time of each look; those of high cost have more. */
  readonly budget: Milliseconds;
  readonly allowances: Allowances;
  /** Whether memory may be compared with files on the guest's own disks. */
  readonly withDisks: boolean;
  /** YARA rules that the detector `signatures` puts memory to. */
  readonly rules?: readonly YaraRuleFile[] | undefined;
  /** Whether rules are for all of processes' own memory; for what may be executed alone unless given. */
  readonly allMemory?: boolean | undefined;
  /** Whether the agent in the guest is asked, for the detectors that hold it against memory: the guest notices. */
  readonly withAgent?: boolean | undefined;
}

/** What the detectors say of a guest. */
export interface GuestSweep {
  /** What was looked into, for people: the VM or the dump. */
  readonly subject: string;
  readonly takenAt: Date;
  /** How long the sweep took, without finding the kernel. */
  readonly elapsedMs: number;
  /** Time of the processor that it took, where that is known: waiting for a guest to settle is not in it. */
  readonly cpuMs?: number;
  readonly verdicts: readonly Verdict[];
}

/** The detectors with these ids, in their own order. Throws `usage` where there is none of an id. */
export function chosenDetectors(ids: readonly string[]): readonly AnyDetector[] {
  const unknown = ids.find((id) => detectors.every((each) => each.id !== id));
  if (unknown !== undefined) {
    const known = detectors.map(({ id }) => id).join(", ");
    throw new CasemateError(
      "usage",
      `Cannot run detector ${unknown}: there is none of this name, expected one of ${known}.`,
    );
  }
  return detectors.filter(({ id }) => ids.includes(id));
}

/** The classes of data that the detectors with these ids read. Throws `usage`. */
export function neededClasses(ids: readonly string[]): readonly DataClass[] {
  return [...new Set(chosenDetectors(ids).flatMap(({ needs }): DataClass[] => [...needs]))];
}
