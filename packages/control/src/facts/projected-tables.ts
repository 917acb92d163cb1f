/** Every table that is made from facts. */
export interface ProjectedTables {
  readonly folded: FoldedTable;
  readonly requests: RequestsTable;
  readonly worlds: WorldsTable;
  readonly findings: FindingsTable;
  readonly responses: ResponsesTable;
  readonly clean_states: CleanStatesTable;
  readonly evidence: EvidenceTable;
}

/** How many facts the tables follow from; its one row is written with them. */
interface FoldedTable {
  id: number;
  facts: number;
}

/** A request as its last fact left it; columns in JSON are those of `OperationRequest`. */
interface RequestsTable {
  id: string;
  operation: string;
  subject: string;
  target: string;
  account: string;
  person: string;
  state: string;
  made_at: string;
  changed_at: string;
  plan: string | null;
  /** The fact that the plan is a sealed body of. */
  plan_fact: number;
  plan_hash: string;
  order_hash: string;
  duties: string;
  approvals: string;
  policies: string;
  message: string | null;
  result: string | null;
  /** The fact that the result, and the message where it is sealed, are bodies of. */
  end_fact: number | null;
  break_glass: number;
  /** The rule that asked for it, in JSON. */
  origin: string | null;
}

/** A VM that is there; `world` is a `VmWorld` in JSON. */
interface WorldsTable {
  uuid: string;
  host_id: string;
  first_seen: string;
  changed_at: string;
  world: string;
}

/** A finding as its last fact left it; columns in JSON are those of `Finding`. */
interface FindingsTable {
  id: string;
  vm_uuid: string;
  vm: string;
  detector: string;
  needs: string;
  severity: string;
  severity_by: string;
  because: string | null;
  techniques: string;
  details: string | null;
  /** The fact that the details are a sealed body of. */
  details_fact: number;
  state: string;
  first_seen: string;
  last_seen: string;
  changed_at: string;
  reopened_at: string | null;
  /** The fact that raised it, or opened it again. */
  opened_by: number;
  acknowledged: string | null;
  closed: string | null;
  note: string | null;
  /** The fact that the note is a sealed body of. */
  note_fact: number | null;
}

/** What a rule did about a finding, or would have done; columns in JSON are those of `Answer`. */
interface ResponsesTable {
  /** A UUID; that of the request where one was made. */
  id: string;
  finding: string;
  rule: string;
  response: string;
  operation: string | null;
  state: string;
  at: string;
  decision: string | null;
  steps: string | null;
  message: string | null;
  /** The fact that steps and message are sealed bodies of. */
  fact: number;
}

/** A bundle of evidence that was sealed; columns in JSON are those of `SavedEvidence`. */
interface EvidenceTable {
  id: string;
  vm: string;
  at: string;
  actor: string;
  classes: string;
  findings: string;
  /** 1 where the whole RAM is in it. */
  memory: number;
  manifest: string;
  /** The fact that seals it. */
  fact: number;
}

/** A snapshot that was known clean; `unseen` are detectors' ids in JSON. */
interface CleanStatesTable {
  vm_uuid: string;
  snapshot: string;
  created_at: string;
  known_at: string;
  looked: number;
  total: number;
  unseen: string;
  /** The finding that it is not known clean any more for. */
  doubted_by: string | null;
}
