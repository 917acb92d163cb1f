import type { Duplex } from "node:stream";
import { CasemateError, toCasemateError } from "@casemate/core";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { WebSocket } from "ws";
import type { Services } from "../services.ts";
import { authorize } from "./authorize.ts";
import type { SocketRoute, Traffic } from "./socket-route.ts";

/** What `@fastify/websocket` gives `ws`: a message of more bytes ends the connection. */
export const socketOptions = { maxPayload: 64 * 1024, perMessageDeflate: false };

/** Milliseconds between two looks at whether the client is there and still may be, and for it to say goodbye. */
const pace = { look: 15_000, goodbye: 1_000 };

/** RFC 6455, 7.4.1. */
const closeCode = {
  normal: 1000,
  goingAway: 1001,
  notBinary: 1003,
  notAllowed: 1008,
  failed: 1011,
};

interface Opened {
  readonly stream: Duplex;
  readonly traffic: { -readonly [K in keyof Traffic]: number };
}

/**
 * Serves the route's WebSockets. What it opens is closed with the client's connection, with the server, and
 * when its caller may not call it any more.
 */
export function serveSocket(
  app: FastifyInstance,
  route: SocketRoute,
  services: Services,
  stopping: AbortSignal,
): void {
  const opened = new WeakMap<FastifyRequest, Opened>();
  const closing = new Set<Promise<unknown>>();
  app.addHook("onClose", async () => void (await Promise.all(closing)));

  const open = async (request: FastifyRequest): Promise<void> => {
    const { principal, params, query, body } = request;
    if (!request.ws || principal === undefined) {
      throw new CasemateError("usage", `Cannot answer ${route.path}: expected a WebSocket.`);
    }
    const gone = new AbortController();
    const client = request.raw.socket;
    client.once("close", () => gone.abort());
    const signal = AbortSignal.any([gone.signal, stopping]);
    const call = { params, query, body, principal, address: request.ip, signal };
    const { stream, closed } = await route.open(call, services);
    const traffic = { bytesIn: 0, bytesOut: 0 };
    const over = new Promise<void>((resolve) => stream.once("close", () => resolve()))
      .then(() => closed(traffic))
      .catch((thrown) =>
        request.log.error({ err: thrown }, "the end of a connection is not recorded"),
      )
      .finally(() => closing.delete(over));
    closing.add(over);
    // Heard here too: it may break before there is a WebSocket to say so.
    stream.on("error", (thrown) => request.log.info({ err: thrown }, "a connection broke"));
    const end = () => stream.destroy();
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    opened.set(request, { stream, traffic });
  };

  app.route({
    method: "GET",
    url: route.path,
    config: { access: route.access },
    schema: {
      summary: route.summary,
      security: [{ token: [] }],
      params: route.params,
      querystring: route.query,
    },
    preHandler: open,
    handler: async () => undefined, // `open` has refused whoever does not ask for a WebSocket
    wsHandler: (socket, request) => {
      const found = opened.get(request);
      if (found === undefined) return socket.terminate();
      const stillAllowed = () => authorize(request, route.access, services);
      connect(socket, found, stopping, stillAllowed);
    },
  });
}

/** Passes bytes on until either side ends; each waits for the other. */
function connect(
  socket: WebSocket,
  { stream, traffic }: Opened,
  stopping: AbortSignal,
  stillAllowed: () => Promise<unknown>,
): void {
  let alive = true;
  const bye = (code: number, reason = ""): void => {
    clearInterval(looking);
    if (socket.isPaused) socket.resume();
    socket.close(code, reason);
    setTimeout(() => socket.terminate(), pace.goodbye).unref();
  };
  const looking = setInterval(() => {
    if (!alive && !socket.isPaused) return socket.terminate();
    alive = false;
    socket.ping();
    stillAllowed().catch((thrown) => bye(closeCode.notAllowed, toCasemateError(thrown).code));
  }, pace.look);
  socket.on("pong", () => {
    alive = true;
  });
  socket.on("close", () => {
    clearInterval(looking);
    stream.destroy();
  });
  socket.on("message", (data: Buffer, isBinary) => {
    alive = true;
    if (!isBinary) return bye(closeCode.notBinary);
    traffic.bytesIn += data.length;
    if (stream.write(data)) return;
    socket.pause();
    stream.once("drain", () => socket.resume());
  });
  const pass = async (): Promise<void> => {
    // HOSTILE: the guest's bytes, which are passed on as they are.
    for await (const bytes of stream) {
      traffic.bytesOut += bytes.length;
      await new Promise<void>((resolve) => socket.send(bytes, () => resolve()));
    }
  };
  pass().then(
    () => bye(stopping.aborted ? closeCode.goingAway : closeCode.normal),
    (thrown) =>
      stopping.aborted
        ? bye(closeCode.goingAway)
        : bye(closeCode.failed, toCasemateError(thrown).code),
  );
}
