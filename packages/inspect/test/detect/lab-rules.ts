import { ruleMatcher } from "@casemate/agent/rule-matcher";
import type { SignatureMatcher } from "../../src/index.ts";

/** What the rule looks for; only a guest that puts it together has it in one piece. */
export const MARKER = ["CASEMATE", "SIGNATURE"] as const;

const source = `rule marker {
  meta: severity = "medium" description = "A test put it there."
  strings: $a = "${MARKER.join("-")}"
  condition: $a
}`;

/** YARA rules for all memory of a guest, compiled when memory is first put to them. */
export function labRules(): SignatureMatcher & Disposable {
  let compiled: ReturnType<typeof ruleMatcher> | undefined;
  return {
    allMemory: true,
    match(path, bytes) {
      const rules = [{ path: "/rules/lab.yar", namespace: "lab", source }];
      compiled ??= ruleMatcher(rules, { allMemory: true });
      return compiled.match(path, bytes);
    },
    [Symbol.dispose]: () => compiled?.[Symbol.dispose](),
  };
}
