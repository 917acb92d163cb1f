import type { Duplex } from "node:stream";
import type { Static, TSchema } from "typebox";
import type { Services } from "../services.ts";
import type { Access, Call } from "./route.ts";

/** How many bytes went to the other end, and how many came from it. */
export interface Traffic {
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** What a caller is connected with. */
export interface Connected {
  readonly stream: Duplex;
  /** Called once, when the stream is closed. */
  closed(traffic: Traffic): Promise<unknown>;
}

/** A route over which bytes go both ways, in the binary messages of a WebSocket (RFC 6455). */
export interface SocketRoute {
  readonly path: `/${string}`;
  readonly summary: string;
  readonly access: Access;
  readonly params: TSchema;
  readonly query: TSchema;
  /** What it throws is answered as any route's error, in place of a WebSocket. */
  open(call: Call<unknown, unknown, unknown>, services: Services): Promise<Connected>;
}

/** A route whose `open` is typed by its schemas. */
export function defineSocketRoute<Params extends TSchema, Query extends TSchema>(options: {
  readonly path: `/${string}`;
  readonly summary: string;
  readonly access: Access;
  readonly params: Params;
  readonly query: Query;
  open(call: Call<Static<Params>, Static<Query>, unknown>, services: Services): Promise<Connected>;
}): SocketRoute {
  return {
    ...options,
    open: (call, services) =>
      options.open(
        call as Call<Static<Params>, Static<Query>, unknown>, // the server has validated it against these schemas
        services,
      ),
  };
}
