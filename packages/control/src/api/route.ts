import type { Static, TSchema } from "typebox";
import type { Principal } from "../accounts/principal.ts";
import type { Services } from "../services.ts";

/** What may answer a route: JSON that its schema describes, text, or bytes. */
export type Produces =
  | "application/json"
  | "text/plain"
  | "text/event-stream"
  | "application/x-tar";

/** Who calls what, already checked against the route's schemas. */
export interface Call<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly principal: Principal;
  /** The address the call comes from. */
  readonly address: string;
  /** Aborted when the caller goes away or the server stops. */
  readonly signal: AbortSignal;
}

/** What only looks is a `GET`; what does something, if only for a moment, is none. */
export type Method = "GET" | "POST" | "PUT" | "DELETE";

/**
 * Who may call a route:
 * - `{ action }`: whom the policy permits this, on the VM that `:vm` of the path names or `:finding` is
 *   about, or on the system;
 * - `signed-in`: everybody with an account, about their own things or with what the handler lets them;
 * - `spine`: everybody with an account; the spine asks the policy for each operation and request itself;
 * - `public`: anybody, for routes that tell nothing about any VM.
 */
export type Access = { readonly action: string } | "signed-in" | "spine" | "public";

/** A route of the API. None can be written without saying who may call it. */
export interface Route {
  readonly method: Method;
  readonly path: `/${string}`;
  readonly summary: string;
  readonly access: Access;
  readonly params: TSchema | undefined;
  readonly query: TSchema | undefined;
  readonly body: TSchema | undefined;
  readonly answer: TSchema;
  /** What its body may have at most; undefined: what any has. */
  readonly bodyBytes: number | undefined;
  readonly produces: Produces;
  /** Every status `answer` comes with. */
  readonly statuses: readonly number[];
  handle(call: Call<unknown, unknown, unknown>, services: Services): Promise<unknown>;
  statusOf(answer: unknown): number;
}

interface RouteOptions<
  Params extends TSchema,
  Query extends TSchema,
  Body extends TSchema,
  Answer extends TSchema,
> {
  /** `GET` when it is left out. */
  readonly method?: Method;
  readonly path: `/${string}`;
  readonly summary: string;
  readonly access: Access;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  /** What its body may have at most, where that is more than any other's. */
  readonly bodyBytes?: number;
  readonly answer: Answer;
  readonly produces?: Produces;
  handle(
    call: Call<Static<Params>, Static<Query>, Static<Body>>,
    services: Services,
  ): Promise<Static<Answer> | AsyncIterable<string | Uint8Array>>;
  /** 200 alone when it is left out. */
  readonly statuses?: readonly number[];
  statusOf?(answer: Static<Answer>): number;
}

/** A route whose handler is typed by its schemas. */
export function defineRoute<
  Params extends TSchema,
  Query extends TSchema,
  Body extends TSchema,
  Answer extends TSchema,
>(options: RouteOptions<Params, Query, Body, Answer>): Route {
  return {
    method: options.method ?? "GET",
    path: options.path,
    summary: options.summary,
    access: options.access,
    params: options.params,
    query: options.query,
    body: options.body,
    bodyBytes: options.bodyBytes,
    answer: options.answer,
    produces: options.produces ?? "application/json",
    statuses: options.statuses ?? [200],
    handle: (call, services) =>
      options.handle(
        call as Call<Static<Params>, Static<Query>, Static<Body>>, // the server has validated it against these schemas
        services,
      ),
    statusOf: (answer) => options.statusOf?.(answer as Static<Answer>) ?? 200, // it is what `handle` returned
  };
}
