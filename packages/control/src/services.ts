import type { HostAgent } from "@casemate/agent";
import type { Ledger } from "@casemate/ledger";
import type { AccountService } from "./accounts/account-service.ts";
import type { Tokens } from "./accounts/tokens.ts";
import type { FactLog } from "./facts/fact-log.ts";
import type { Metrics } from "./metrics.ts";
import type { Policy } from "./policy.ts";
import type { AdvisoryStore } from "./scans/advisory-store.ts";
import type { ScannedStates } from "./scans/scanned-states.ts";
import type { ApprovalKeys } from "./spine/approval-keys.ts";
import type { BreakGlass } from "./spine/break-glass.ts";
import type { Gate } from "./spine/gate.ts";
import type { Requests } from "./spine/requests.ts";
import type { Spine } from "./spine/spine.ts";
import type { Store } from "./store/store.ts";
import type { CleanStates } from "./watch/clean-states/clean-states.ts";
import type { EventHub } from "./watch/event-hub.ts";
import type { EvidenceStore } from "./watch/evidence/evidence-store.ts";
import type { Findings } from "./watch/findings/findings.ts";
import type { Inventory } from "./watch/inventory.ts";
import type { Responder } from "./watch/responses/responder.ts";
import type { Rules } from "./watch/rules/rules.ts";
import type { Sweeps } from "./watch/sweeps/keep-sweeps.ts";
import type { World } from "./watch/world.ts";

/** Everything a route may use. */
export interface Services {
  readonly store: Store;
  readonly ledger: Ledger;
  readonly facts: FactLog;
  readonly people: AccountService;
  readonly tokens: Tokens;
  readonly policy: Policy;
  readonly gate: Gate;
  readonly spine: Spine;
  readonly requests: Requests;
  readonly approvalKeys: ApprovalKeys;
  readonly breakGlass: BreakGlass;
  readonly events: EventHub;
  /** Says what somebody must see now. */
  readonly alarm: (sentence: string) => void;
  readonly inventory: Inventory;
  readonly world: World;
  readonly findings: Findings;
  readonly cleanStates: CleanStates;
  readonly evidence: EvidenceStore;
  readonly rules: Rules;
  readonly responder: Responder;
  /** The sweeps over each host's VMs, by the host's id; none where they are switched off. */
  readonly sweeps: Map<string, Sweeps>;
  readonly scannedStates: ScannedStates;
  readonly advisories: AdvisoryStore;
  readonly metrics: Metrics;
  /** The hosts attached now, by id. */
  readonly hosts: ReadonlyMap<string, HostAgent>;
}
