import type { HostAgent } from "@casemate/agent";
import type { Tokens } from "./accounts/tokens.ts";
import type { Metrics } from "./metrics.ts";
import type { Store } from "./store/store.ts";
import type { EventHub } from "./watch/event-hub.ts";
import type { InspectionLog } from "./watch/inspection-log.ts";
import type { Inventory } from "./watch/inventory.ts";

/** Everything a route may use. */
export interface Services {
  readonly store: Store;
  readonly tokens: Tokens;
  readonly events: EventHub;
  readonly inventory: Inventory;
  readonly inspections: InspectionLog;
  readonly metrics: Metrics;
  /** The hosts attached now, by id. */
  readonly hosts: ReadonlyMap<string, HostAgent>;
}
