import { formatAddress } from "@casemate/core";
import { formatSymbol } from "../../linux/symbolize.ts";
import type { Suspicion } from "../suspicion.ts";
import type { StrayCall } from "./code-switches.ts";
import { REMEDIATION } from "./describe-deviations.ts";
import type { KernelState } from "./kernel-state.ts";

/** A static call that leads to what is no function. */
export function describeStrayCall({ key, target }: StrayCall, state: KernelState): Suspicion {
  const symbol = state.symbolize(key);
  const name = symbol === undefined ? formatAddress(key) : formatSymbol(symbol);
  const seen = state.symbolize(state.gva(target));
  const at = formatAddress(state.gva(target));
  return {
    key: `static call ${name} to ${at}`,
    title: `The static call ${name} leads to ${seen === undefined ? `${at}, which is nobody's code` : `the middle of ${seen.name}`}.`,
    severity: "critical",
    because: "Every call through it runs what is there.",
    techniques: ["T1014"],
    evidence: [
      {
        what: `struct static_call_key ${name}`,
        address: formatAddress(key),
        expected: "the start of a function of the kernel, a module or a BPF program",
        seen: seen === undefined ? at : `${at} (${formatSymbol(seen)})`,
      },
    ],
    remediation: REMEDIATION,
  };
}
