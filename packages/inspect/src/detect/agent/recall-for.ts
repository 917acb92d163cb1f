import type { BudgetLimits } from "../../budget.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { agentAnswers } from "../agent-answers.ts";
import { agentFiles } from "../agent-files.ts";
import type { SweepOptions } from "../sweep.ts";
import { type Memory, recallBooks, recallFiles } from "./memory.ts";

/**
 * What memory has now of all that `detectors` hold an agent's answers against, as far as `classes` may be read.
 *
 * Throws `kernel/*`, `inspect/budget`.
 */
export function recallFor(
  kernel: Kernel,
  { detectors, classes }: Pick<SweepOptions, "detectors" | "classes">,
  limits: BudgetLimits,
): Memory {
  const isFor = (detector: SweepOptions["detectors"][number]) =>
    detectors.some(({ id }) => id === detector.id) &&
    detector.needs.every((need) => classes.includes(need));
  const books = isFor(agentAnswers)
    ? kernel.grant(...agentAnswers.needs).look(recallBooks, limits).value
    : [];
  const files = isFor(agentFiles)
    ? kernel.grant(...agentFiles.needs).look(recallFiles, limits).value
    : [];
  return new Map([...books, ...files]);
}
