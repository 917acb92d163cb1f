import type { HostAgent } from "@casemate/agent";
import { apiVersion } from "@casemate/core";
import { openAccountService } from "./accounts/account-service.ts";
import { relyingPartyAt } from "./accounts/relying-party.ts";
import type { Event } from "./api/contract/event.ts";
import { factLogIn } from "./facts/fact-log.ts";
import { openLedger } from "./facts/open-ledger.ts";
import { openProjections } from "./facts/projections.ts";
import { Reserve } from "./facts/reserve.ts";
import { metrics } from "./metrics.ts";
import { operations } from "./operations/operations.ts";
import { revertVm } from "./operations/revert-vm.ts";
import { saveEvidence } from "./operations/save-evidence.ts";
import { scanVm } from "./operations/scan-vm.ts";
import { appointAccount } from "./operations/system/appoint-account.ts";
import { changePolicy } from "./operations/system/change-policy.ts";
import { changeRules } from "./operations/system/change-rules.ts";
import { deleteEvidence } from "./operations/system/delete-evidence.ts";
import { redactFact } from "./operations/system/redact-fact.ts";
import { rotateKey } from "./operations/system/rotate-key.ts";
import { readOwnVersion } from "./own-version.ts";
import { openPolicy } from "./policy.ts";
import { AdvisoryStore } from "./scans/advisory-store.ts";
import { scanSaltIn } from "./scans/scan-salt.ts";
import { scannedStatesIn } from "./scans/scanned-states.ts";
import type { Services } from "./services.ts";
import { approvalKeysIn } from "./spine/approval-keys.ts";
import { type BreakGlassUse, breakGlassIn } from "./spine/break-glass.ts";
import type { AtFaultPoint } from "./spine/fault-points.ts";
import { Gate } from "./spine/gate.ts";
import type { OperationRequest } from "./spine/request.ts";
import { requestsIn } from "./spine/requests.ts";
import { Spine } from "./spine/spine.ts";
import { openStore } from "./store/store.ts";
import { cleanStatesIn } from "./watch/clean-states/clean-states.ts";
import { eventHub } from "./watch/event-hub.ts";
import { EvidenceStore } from "./watch/evidence/evidence-store.ts";
import { findingEvent } from "./watch/findings/finding-event.ts";
import { findingsIn } from "./watch/findings/findings.ts";
import { inventoryIn } from "./watch/inventory.ts";
import { keepDeliveries } from "./watch/outward/keep-deliveries.ts";
import { openChannels } from "./watch/outward/open-channels.ts";
import { Responder } from "./watch/responses/responder.ts";
import { openRules } from "./watch/rules/rules.ts";
import { shippedRuleDirectory } from "./watch/rules/shipped-rule-directory.ts";
import { watchPrincipal } from "./watch/sweeps/watch-principal.ts";
import { worldIn } from "./watch/world.ts";

/** What a control plane is assembled from. */
export interface Assembly {
  /** Held by this process alone. */
  readonly directory: string;
  readonly policyDirectory: string;
  /** The rules that come with Casemate where it is left out. */
  readonly ruleDirectory?: string | undefined;
  /** The hosts attached now, by id; the caller adds and removes them. */
  readonly hosts: ReadonlyMap<string, HostAgent>;
  /** Where the API is; asked when somebody calls it. */
  readonly url: () => string;
  /** Hears of what went wrong where nobody waits for it. */
  readonly onFailure: (thrown: unknown) => void;
  /** Hears of what somebody must see now. */
  readonly onAlarm: (sentence: string) => void;
  readonly atFaultPoint?: AtFaultPoint | undefined;
}

/**
 * Opens everything in the data directory, in the order in which it depends on each other; `stack` closes it.
 *
 * Throws `data/*`, `disk/full`, `ledger/*`, `policy/*`, `rule/*`, `config/invalid`.
 */
export async function assemble(assembly: Assembly, stack: AsyncDisposableStack): Promise<Services> {
  const { directory, hosts, url, onFailure, onAlarm, atFaultPoint } = assembly;
  const store = stack.use(await openStore(directory));
  const ledger = stack.use(await openLedger(directory, store, onFailure));
  const projected = stack.use(await openProjections(directory, ledger));
  const facts = factLogIn(ledger, projected, new Reserve(directory));
  const policy = await openPolicy(assembly.policyDirectory, facts);
  const gate = new Gate(policy.engine);
  const requests = requestsIn(projected.db);
  const world = worldIn(projected.db, facts);
  const events = eventHub();
  const scannedStates = scannedStatesIn(store.db);
  const people = await openAccountService({
    directory,
    db: store.db,
    record: facts.record,
    mayAppoint: (principal, action) =>
      gate.decide({ principal, actions: [action], resource: { kind: "system" } }).kind ===
      "permitted",
    relyingParty: () => relyingPartyAt(url()),
  });
  const { tokens } = people;
  const channels = await openChannels(directory, readOwnVersion());
  const rules = await openRules(
    assembly.ruleDirectory ?? shippedRuleDirectory,
    channels.map(({ name }) => name),
    facts,
    onFailure,
  );
  const findings = findingsIn(projected.db, facts, rules.judge, (fact, finding) => {
    events.publish(JSON.stringify(findingEvent(fact, finding)));
    responder.answer(finding);
    deliveries.wake();
  });
  const evidence = new EvidenceStore({ directory, db: projected.db, ledger, facts, findings });
  const cleanStates = cleanStatesIn(projected.db, facts, findings);
  const spine = stack.use(
    new Spine({
      ...{ facts, requests, gate, world, hosts, onFailure, atFaultPoint },
      operations: [
        ...operations,
        scanVm(scannedStates, scanSaltIn(directory)),
        saveEvidence({ evidence, findings, allowancesOf: rules.allowancesOf }),
        revertVm(cleanStates),
        appointAccount(people),
        changePolicy(policy),
        changeRules(rules),
        redactFact(ledger),
        deleteEvidence(evidence),
        rotateKey(ledger),
      ],
      principalOf: async (account) =>
        account === watchPrincipal.account ? watchPrincipal : await people.principalOf(account),
      onChange: (request) => events.publish(JSON.stringify(describeChange(request))),
    }),
  );
  /** What was to be done, or told, and was not. */
  const alarm = (sentence: string) => {
    events.publish(JSON.stringify(describeAlarm(sentence)));
    onAlarm(sentence);
  };
  const responder = stack.use(
    new Responder({
      ...{ facts, spine, rules, onFailure },
      db: projected.db,
      onAlarm: alarm,
    }),
  );
  const deliveries = stack.use(
    await keepDeliveries(channels, {
      ...{ ledger, findings, rules, onAlarm: alarm, onFailure },
      db: store.db,
    }),
  );
  const loud = (use: BreakGlassUse) => {
    const event = describeUse(use);
    events.publish(JSON.stringify(event));
    onAlarm(event.detail);
  };
  return {
    ...{
      store,
      ledger,
      facts,
      people,
      tokens,
      policy,
      gate,
      spine,
      requests,
      events,
      alarm,
      hosts,
      world,
      findings,
      cleanStates,
      evidence,
      rules,
      responder,
      sweeps: new Map(),
      scannedStates,
    },
    approvalKeys: approvalKeysIn(store.db, facts),
    breakGlass: breakGlassIn(store.db, facts, gate, loud),
    inventory: inventoryIn(store.db),
    advisories: new AdvisoryStore(directory),
    metrics: metrics(),
  };
}

/** What the watch could not do, as whoever listens to events hears it. */
function describeAlarm(detail: string) {
  const at = new Date().toISOString();
  return {
    ...{ apiVersion, kind: "Event", at, type: "alarm", what: "watch", detail },
  } as const satisfies Event;
}

/** An alarm, as whoever listens to events hears it. */
function describeUse({ id, account, requestId, usedAt }: BreakGlassUse) {
  return {
    ...{ apiVersion, kind: "Event", at: usedAt, type: "alarm", what: "break-glass" },
    detail: `${account} broke the glass for request ${requestId} (use ${id}): it awaits a review.`,
    request: requestId,
  } as const satisfies Event;
}

function describeChange({ id, operation, target, state, changedAt }: OperationRequest) {
  return {
    ...{ apiVersion, kind: "Event", at: changedAt, type: "request" },
    ...(target.kind === "system" ? {} : { hostId: target.hostId }),
    what: `${operation} ${state}`,
    request: id,
    ...(target.kind === "vm" ? { vm: { uuid: target.uuid, name: target.name } } : {}),
  };
}
