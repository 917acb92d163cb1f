import type { Static, TSchema } from "typebox";
import type { Permission } from "../accounts/permission.ts";
import type { Principal } from "../accounts/tokens.ts";
import type { Services } from "../services.ts";

/** What may answer a route: JSON that its schema describes, or text. */
export type Produces = "application/json" | "text/plain" | "text/event-stream";

/** Who calls what, already checked against the route's schemas. */
export interface Call<Params, Query> {
  readonly params: Params;
  readonly query: Query;
  readonly principal: Principal;
  /** Aborted when the caller goes away or the server stops. */
  readonly signal: AbortSignal;
}

/** What only looks is a `GET`; what does something, if only for a moment, is a `POST`. */
export type Method = "GET" | "POST";

/** A route of the API. None can be written without saying who may call it. */
export interface Route {
  readonly method: Method;
  readonly path: `/${string}`;
  readonly summary: string;
  /** What the caller must be allowed to do; `public` is for routes that tell nothing about any VM. */
  readonly permission: Permission | "public";
  readonly params: TSchema | undefined;
  readonly query: TSchema | undefined;
  readonly answer: TSchema;
  readonly produces: Produces;
  /** Every status `answer` comes with. */
  readonly statuses: readonly number[];
  handle(call: Call<unknown, unknown>, services: Services): Promise<unknown>;
  statusOf(answer: unknown): number;
}

interface RouteOptions<Params extends TSchema, Query extends TSchema, Answer extends TSchema> {
  /** `GET` when it is left out. */
  readonly method?: Method;
  readonly path: `/${string}`;
  readonly summary: string;
  readonly permission: Permission | "public";
  readonly params?: Params;
  readonly query?: Query;
  readonly answer: Answer;
  readonly produces?: Produces;
  handle(
    call: Call<Static<Params>, Static<Query>>,
    services: Services,
  ): Promise<Static<Answer> | AsyncIterable<string>>;
  /** 200 alone when it is left out. */
  readonly statuses?: readonly number[];
  statusOf?(answer: Static<Answer>): number;
}

/** A route whose handler is typed by its schemas. */
export function defineRoute<Params extends TSchema, Query extends TSchema, Answer extends TSchema>(
  options: RouteOptions<Params, Query, Answer>,
): Route {
  return {
    method: options.method ?? "GET",
    path: options.path,
    summary: options.summary,
    permission: options.permission,
    params: options.params,
    query: options.query,
    answer: options.answer,
    produces: options.produces ?? "application/json",
    statuses: options.statuses ?? [200],
    handle: (call, services) =>
      options.handle(
        call as Call<Static<Params>, Static<Query>>, // the server has validated it against these schemas
        services,
      ),
    statusOf: (answer) => options.statusOf?.(answer as Static<Answer>) ?? 200, // it is what `handle` returned
  };
}
