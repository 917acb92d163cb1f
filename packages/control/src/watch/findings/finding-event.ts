import { apiVersion } from "@casemate/core";
import type { Fact } from "@casemate/ledger";
import type { Event } from "../../api/contract/event.ts";
import type { Finding } from "./finding.ts";

/** What became of a finding, as whoever listens to events hears it: evidence stays where it is governed. */
export function findingEvent({ kind, time }: Fact, { id, vm, severity, detector }: Finding): Event {
  return {
    ...{ apiVersion, kind: "Event", at: time, hostId: vm.host, type: "finding" },
    what: kind.replace(/^finding\//, ""),
    vm: { uuid: vm.uuid, name: vm.name },
    detail: `${severity}: ${detector}`,
    finding: id,
  };
}
