import type { Finding } from "../watch/findings/finding.ts";
import type { FindingList } from "./contract/finding.ts";

const redacted = "(taken out of the ledger)";

/**
 * The finding as it is shown.
 *
 * @param withheld why its evidence is not; undefined where it is
 */
export function showFinding(
  finding: Finding,
  withheld: string | undefined,
): FindingList["items"][number] {
  const { reopenedAt: _, openedBy: __, details, acknowledged, closed, note, ...fields } = finding;
  const { uuid, name, host, networks, labels } = finding.vm;
  return {
    ...fields,
    vm: { uuid, name, host, networks: [...networks], labels: [...labels] },
    techniques: [...finding.techniques],
    needs: [...finding.needs],
    title: details?.title ?? redacted,
    because: finding.because ?? details?.because ?? redacted,
    remediation: details?.remediation ?? redacted,
    evidence: withheld === undefined ? describeEvidence(details?.evidence ?? []) : [],
    ...(withheld === undefined ? {} : { withheld }),
    ...(acknowledged === undefined ? {} : { acknowledged }),
    ...(closed === undefined ? {} : { closed }),
    ...(note === undefined ? {} : { note }),
  };
}

function describeEvidence(evidence: NonNullable<Finding["details"]>["evidence"]) {
  return evidence.map(({ disassembly, path, ...texts }) => ({
    ...texts,
    ...(disassembly === undefined ? {} : { disassembly: [...disassembly] }),
    ...(path === undefined ? {} : { path: [...path] }),
  }));
}
