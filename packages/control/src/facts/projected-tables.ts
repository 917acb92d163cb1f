/** Every table that is made from facts. */
export interface ProjectedTables {
  readonly folded: FoldedTable;
  readonly requests: RequestsTable;
  readonly worlds: WorldsTable;
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
}

/** A VM that is there; `world` is a `VmWorld` in JSON. */
interface WorldsTable {
  uuid: string;
  host_id: string;
  first_seen: string;
  changed_at: string;
  world: string;
}
