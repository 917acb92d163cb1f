import type { Progress } from "../output/progress.ts";
import type { ControlClient } from "./control-client.ts";

/** A request, as the API shows it; only what the command line shows of it. */
export interface ShownRequest {
  readonly id: string;
  readonly operation: string;
  readonly state: string;
  readonly target: { readonly kind: string; readonly name?: string; readonly hostId?: string };
  readonly requester: { readonly account: string; readonly person: string };
  readonly madeAt: string;
  readonly planHash: string;
  readonly plan?: ShownPlan;
  readonly duties: readonly ShownDuty[];
  readonly approvals: readonly { readonly account: string; readonly expiresAt: string }[];
  readonly policies: readonly string[];
  readonly message?: string;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly breakGlass: boolean;
  readonly progress?: { readonly fraction: number; readonly doing: string };
}

export interface ShownPlan {
  readonly operation: string;
  readonly steps: readonly string[];
  readonly effects: readonly {
    readonly kind: string;
    readonly id: string;
    readonly change: string;
  }[];
  readonly irreversible: readonly string[];
  readonly destroysState: boolean;
  readonly downtime: boolean;
  readonly diskBytes: number;
  readonly hash: string;
}

export interface ShownDuty {
  readonly policy: string;
  readonly by: string;
  readonly count: number;
  readonly reason: string;
}

/** How long one call waits for the end, in seconds. */
const WAIT = 1;

/** The request with that id, as soon as it neither runs nor is about to. */
export async function followRequest(
  client: ControlClient,
  id: string,
  progress: Progress,
  signal?: AbortSignal,
): Promise<ShownRequest> {
  for (;;) {
    const document = await client.get(`/api/v1/requests/${id}?wait=${WAIT}`, signal);
    const request = document as unknown as ShownRequest; // our own control plane answered
    if (request.state !== "approved" && request.state !== "running") {
      progress.end();
      return request;
    }
    const { fraction, doing } = request.progress ?? { fraction: 0, doing: "about to begin" };
    progress.step(`${request.operation}: ${Math.floor(fraction * 100)} %, ${doing}`);
  }
}
