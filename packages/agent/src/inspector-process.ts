import { join } from "node:path";
import { type ConfinedProcess, startConfinedProcess } from "./confined/confined-process.ts";
import { type InspectorAnswer, type InspectorRequest, parseAnswer } from "./inspector/messages.ts";

/** A running inspector; disposing kills it. */
export interface InspectorProcess extends ConfinedProcess<InspectorRequest, InspectorAnswer> {
  /** The keys of the guests whose memory it holds; its owner keeps them. */
  readonly attached: Set<string>;
}

/** Starts an inspector, that can sweep with rules or not; what is wrong with it shows when it is asked. */
export function startInspectorProcess(withRules: boolean): InspectorProcess {
  const started = startConfinedProcess<InspectorRequest, InspectorAnswer>({
    name: "inspector",
    main: join(import.meta.dirname, "inspector", withRules ? "main-with-rules.ts" : "main.ts"),
    // A sweep makes much that is of no use after it: with this room a quarter less time goes into collecting it.
    flags: ["--max-semi-space-size=32"],
    parse: parseAnswer,
  });
  return Object.assign(started, { attached: new Set<string>() });
}
