import type { JsonObject } from "@casemate/core";
import { type Severity, techniques } from "@casemate/inspect";
import type { FindingList } from "../../api/contract/finding.ts";

type Shown = FindingList["items"][number];

/** What the event says of the finding (OCSF, Finding, activity_id). */
export type Activity = "Create" | "Update" | "Close";

/** The version of the Open Cybersecurity Schema Framework that the events are of. */
const OCSF = "1.4.0";
/** Detection Finding, of the category Findings. */
const CLASS = { category_uid: 2, category_name: "Findings", class_uid: 2004 } as const;
/** The version of ATT&CK that techniques are numbered by. */
const ATTACK = "16";

const activityIds: Readonly<Record<Activity, number>> = { Create: 1, Update: 2, Close: 3 };

const severityIds: Readonly<Record<Severity, readonly [number, string]>> = {
  low: [2, "Low"],
  medium: [3, "Medium"],
  high: [4, "High"],
  critical: [5, "Critical"],
};

const statuses: Readonly<Record<Shown["state"], readonly [number, string]>> = {
  open: [1, "New"],
  acknowledged: [3, "Suppressed"],
  closed: [4, "Resolved"],
};

/**
 * A finding as an event of OCSF's class Detection Finding (2004).
 *
 * @param activity what the event tells; what became of the finding last, where it is left out
 */
export function formatOcsf(
  finding: Shown,
  version: string,
  activity: Activity = lastActivity(finding),
): JsonObject {
  const { id, title, because, detector, state, vm, evidence, note } = finding;
  const { firstSeen, lastSeen, changedAt, severityBy, remediation } = finding;
  const [severity_id, severity] = severityIds[finding.severity];
  const [status_id, status] = statuses[state];
  const activity_id = activityIds[activity];
  return {
    ...CLASS,
    class_name: "Detection Finding",
    activity_id,
    activity_name: activity,
    type_uid: CLASS.class_uid * 100 + activity_id,
    type_name: `Detection Finding: ${activity}`,
    time: Date.parse(changedAt),
    ...{ severity_id, severity, status_id, status },
    is_alert: state === "open",
    message: title,
    ...(note === undefined ? {} : { comment: note }),
    metadata: {
      version: OCSF,
      uid: `${id}/${changedAt}`,
      product: { name: "Casemate", vendor_name: "Casemate", version },
    },
    finding_info: {
      uid: id,
      title,
      desc: because,
      types: [detector],
      analytic: { uid: detector, name: detector, type_id: 1, type: "Rule" },
      attacks: finding.techniques.map(describeTechnique),
      created_time: Date.parse(firstSeen),
      first_seen_time: Date.parse(firstSeen),
      last_seen_time: Date.parse(lastSeen),
      modified_time: Date.parse(changedAt),
    },
    remediation: { desc: remediation },
    resources: [
      {
        uid: vm.uuid,
        name: vm.name,
        type: "Virtual Machine",
        labels: [...vm.labels],
        data: { host: vm.host, networks: [...vm.networks] },
      },
    ],
    // Each is what the detector saw: no attribute of the schema is for kernel memory.
    evidences: evidence.map((each) => ({ data: { ...each } })),
    unmapped: { severity_by: severityBy },
  };
}

function lastActivity({ state, firstSeen, changedAt }: Shown): Activity {
  if (state === "closed") return "Close";
  return changedAt === firstSeen ? "Create" : "Update";
}

/** A sub-technique stands below its technique: `T1055.008`, Process Injection: Ptrace System Calls. */
function describeTechnique(id: string): JsonObject {
  const known: Readonly<Record<string, string>> = techniques;
  const [name = id, below = name] = (known[id] ?? id).split(": ");
  const [uid = id, sub] = id.split(".");
  return {
    technique: { uid, name },
    ...(sub === undefined ? {} : { sub_technique: { uid: id, name: below } }),
    version: ATTACK,
  };
}
