import type { JsonObject, JsonValue } from "@casemate/core";
import type { DataClass, Evidence, Severity, Suspicion } from "@casemate/inspect";
import { canonicalJson, type FactDraft } from "@casemate/ledger";
import type { Principal } from "../../accounts/principal.ts";
import type { VmResource } from "../../spine/gate.ts";

/** Who sweeps, and acts on what that finds. */
export const watchActor = "system:watch";

/** A suspicion as it is to be written down. */
export interface Told {
  readonly finding: string;
  readonly vm: VmResource;
  readonly detector: string;
  readonly needs: readonly DataClass[];
  readonly suspicion: Suspicion;
  readonly severity: Severity;
  readonly severityBy: string;
  /** Why a rule says so. */
  readonly because: string | undefined;
}

/** HOSTILE: what one finding takes of the ledger, in bytes of JSON; evidence beyond that is only counted. */
const MOST = 48 * 1024;
/** HOSTILE: the longest text of it, in characters. */
const LONGEST = 4_000;

/**
 * The facts of a finding's life. What a guest has its word in is sealed: it may hold anything, also what has
 * to be taken out again.
 */
export const findingFacts = {
  raised: (told: Told): FactDraft => tell("finding/raised", told),
  /** The same thing looks otherwise, or is judged otherwise. */
  changed: (told: Told): FactDraft => tell("finding/changed", told),
  reopened: (told: Told, because: "seen again" | "acknowledgement expired"): FactDraft =>
    tell("finding/reopened", told, { because }),
  /** These are still there. */
  seen: (vm: VmResource, findings: readonly string[]): FactDraft => ({
    kind: "finding/seen",
    actor: watchActor,
    subject: `vm:${vm.uuid}`,
    body: { host: vm.host, findings: [...findings] },
  }),
  gone: (vm: VmResource, finding: string): FactDraft => ({
    kind: "finding/closed",
    actor: watchActor,
    subject: `vm:${vm.uuid}`,
    body: { finding, because: "not seen any more" },
  }),
  acknowledged: (
    vm: VmResource,
    finding: string,
    by: Principal,
    { until, note }: { readonly until: string; readonly note: string },
  ): FactDraft => ({
    kind: "finding/acknowledged",
    actor: by.id,
    subject: `vm:${vm.uuid}`,
    body: { finding, until },
    sealed: { note },
  }),
  closed: (vm: VmResource, finding: string, by: Principal, note: string): FactDraft => ({
    kind: "finding/closed",
    actor: by.id,
    subject: `vm:${vm.uuid}`,
    body: { finding, because: "dealt with" },
    sealed: { note },
  }),
} as const;

function tell(kind: string, told: Told, more: JsonObject = {}): FactDraft {
  const { finding, vm, detector, needs, suspicion, severity, severityBy, because } = told;
  const { name, host, networks, labels } = vm;
  return {
    kind,
    actor: watchActor,
    subject: `vm:${vm.uuid}`,
    body: {
      finding,
      vm: { name, host, networks: [...networks], labels: [...labels] },
      ...{ detector, needs: [...needs], severity, severityBy },
      ...(because === undefined ? {} : { because }),
      techniques: [...suspicion.techniques],
      ...more,
    },
    sealed: { details: describe(suspicion) },
  };
}

function describe(suspicion: Suspicion): JsonObject {
  const { key, title, severity, because, remediation, evidence } = suspicion;
  const kept: JsonValue[] = [];
  let size = 0;
  for (const each of evidence) {
    const entry = tidyEvidence(each);
    size += Buffer.byteLength(canonicalJson(entry));
    if (size > MOST) break;
    kept.push(entry);
  }
  const rest = evidence.length - kept.length;
  return {
    key: tidy(key),
    title: tidy(title),
    severity,
    because: tidy(because),
    remediation: tidy(remediation),
    evidence: [...kept, ...(rest === 0 ? [] : [{ what: `${rest} more, which are not kept` }])],
  };
}

function tidyEvidence({ disassembly, path, ...texts }: Evidence): JsonObject {
  return {
    ...Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, tidy(text)])),
    ...(disassembly === undefined ? {} : { disassembly: disassembly.map(tidy) }),
    ...(path === undefined ? {} : { path: path.map(tidy) }),
  };
}

/** HOSTILE: half a surrogate pair has no place in canonical JSON. */
function tidy(text: string): string {
  const whole = text.toWellFormed();
  return whole.length <= LONGEST ? whole : `${whole.slice(0, LONGEST - 1).toWellFormed()}…`;
}
