import { connectionCalls } from "./connection-calls.ts";
import { domainCalls } from "./domain-calls.ts";
import { jobCalls } from "./job-calls.ts";
import { networkCalls } from "./network-calls.ts";
import { snapshotCalls } from "./snapshot-calls.ts";
import { storageCalls } from "./storage-calls.ts";
import { streamCalls } from "./stream-calls.ts";

/** Every call that can be made on a connection; each runs whole, with its error, in one thread. */
export const calls = {
  ...connectionCalls,
  ...domainCalls,
  ...jobCalls,
  ...snapshotCalls,
  ...networkCalls,
  ...storageCalls,
  ...streamCalls,
};

export type Calls = typeof calls;

/** What a call takes after the `Call` itself. */
export type CallArguments<K extends keyof Calls> =
  Parameters<Calls[K]> extends [unknown, ...infer A] ? A : never;

export type CallResult<K extends keyof Calls> = ReturnType<Calls[K]>;
