import { CasemateError } from "@casemate/core";
import type { Kysely, Selectable } from "kysely";
import type { ProjectedTables } from "../facts/projected-tables.ts";
import { type OperationRequest, type RequestState, requestStates } from "./request.ts";

/** Which requests to list. */
export interface RequestFilter {
  readonly states?: readonly RequestState[];
  /** A VM's UUID. */
  readonly vm?: string;
  readonly account?: string;
  /** Whether looks into VMs are listed too; they are many. */
  readonly looks?: boolean;
  /** At most so many, the newest first. */
  readonly limit?: number;
}

/** Every request there ever was. */
export interface Requests {
  find(id: string): Promise<OperationRequest | undefined>;
  /** Throws `request/unknown`. */
  get(id: string): Promise<OperationRequest>;
  list(filter?: RequestFilter): Promise<readonly OperationRequest[]>;
}

export function requestsIn(db: Kysely<ProjectedTables>): Requests {
  const find = async (id: string) => {
    const row = await db.selectFrom("requests").selectAll().where("id", "=", id).executeTakeFirst();
    return row && asRequest(row);
  };
  return {
    find,
    async get(id) {
      const found = await find(id);
      if (found !== undefined) return found;
      throw new CasemateError("request/unknown", `Cannot find request ${id}: there is none.`);
    },
    async list({ states = requestStates, vm, account, looks = true, limit = 100 } = {}) {
      let query = db
        .selectFrom("requests")
        .selectAll()
        .where("state", "in", [...states]);
      if (vm !== undefined) query = query.where("subject", "=", `vm:${vm}`);
      if (account !== undefined) query = query.where("account", "=", account);
      if (!looks)
        query = query.where("operation", "not in", ["vm.inspect", "vm.scan", "vm.follow"]);
      const rows = await query.orderBy("made_at", "desc").limit(limit).execute();
      return rows.map(asRequest);
    },
  };
}

/** The projection wrote the row: its JSON and its state are what this reads. */
function asRequest(row: Selectable<ProjectedTables["requests"]>): OperationRequest {
  return {
    id: row.id,
    operation: row.operation,
    target: JSON.parse(row.target),
    requester: { account: row.account, person: row.person },
    state: row.state as RequestState, // see above
    madeAt: row.made_at,
    changedAt: row.changed_at,
    plan: row.plan === null ? undefined : JSON.parse(row.plan),
    planHash: row.plan_hash,
    orderHash: row.order_hash,
    duties: JSON.parse(row.duties),
    approvals: JSON.parse(row.approvals),
    policies: JSON.parse(row.policies),
    message: row.message ?? undefined,
    result: row.result === null ? undefined : JSON.parse(row.result),
    breakGlass: row.break_glass === 1,
    origin: row.origin === null ? undefined : JSON.parse(row.origin),
  };
}
