import type { HostAgent } from "@casemate/agent";
import type { Principal } from "../accounts/principal.ts";
import type { FactLog } from "../facts/fact-log.ts";
import type { World } from "../watch/world.ts";
import type { AtFaultPoint } from "./fault-points.ts";
import type { Gate } from "./gate.ts";
import type { Operation } from "./operation.ts";
import type { OperationRequest } from "./request.ts";
import type { Requests } from "./requests.ts";

/** What the spine stands on. */
export interface SpineParts {
  readonly facts: FactLog;
  readonly requests: Requests;
  readonly gate: Gate;
  readonly world: World;
  readonly operations: readonly Operation[];
  readonly hosts: ReadonlyMap<string, HostAgent>;
  /** Who an account is now; undefined where it is gone or disabled. */
  readonly principalOf: (account: string) => Promise<Principal | undefined>;
  /** Hears of each request that changed. */
  readonly onChange?: (request: OperationRequest) => void;
  /** Hears of what went wrong where nobody waits for it. */
  readonly onFailure?: (thrown: unknown) => void;
  readonly atFaultPoint?: AtFaultPoint | undefined;
}
