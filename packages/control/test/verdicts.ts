import type { Suspicion, Verdict } from "@casemate/inspect";
import { detectors } from "@casemate/inspect/detectors";

const [first] = detectors;
if (first === undefined) throw new Error("there are no detectors");

/** A detector that there is. */
export const someDetector = first.id;

/** A suspicion as a detector has it, made up. */
export function suspicionOf(key: string, more: Partial<Suspicion> = {}): Suspicion {
  return {
    key,
    title: `Process ${key} is hidden.`,
    severity: "high",
    because: "Nothing but an attack hides it.",
    techniques: ["T1014"],
    evidence: [{ what: "task_struct", address: "0xffff888001234000", seenBytes: "00ff" }],
    remediation: "Isolate the VM.",
    ...more,
  };
}

/** What a detector says that looked at everything. */
export function verdictOf(suspicions: readonly Suspicion[], more: Partial<Verdict> = {}): Verdict {
  return {
    detector: someDetector,
    verdict: suspicions.length > 0 ? "suspicious" : "clean",
    suspicions,
    missed: [],
    coverage: { looked: 10, total: 10 },
    consistency: "consistent",
    looks: 1,
    steps: 10,
    milliseconds: 1,
    ...more,
  };
}

/** What a detector says that could not look. */
export function blindVerdict(suspicions: readonly Suspicion[] = []): Verdict {
  return verdictOf(suspicions, {
    verdict: suspicions.length > 0 ? "suspicious" : "inconclusive",
    missed: [{ what: "everything", reason: "The kernel was not found." }],
    coverage: { looked: 0, total: 10 },
  });
}
