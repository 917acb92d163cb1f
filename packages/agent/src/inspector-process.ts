import { join } from "node:path";
import { type ConfinedProcess, startConfinedProcess } from "./confined/confined-process.ts";
import { type InspectorAnswer, type InspectorRequest, parseAnswer } from "./inspector/messages.ts";
import { inspectorFlags } from "./inspector-flags.ts";

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
    flags: inspectorFlags,
    parse: parseAnswer,
  });
  return Object.assign(started, { attached: new Set<string>() });
}
