import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import type { ClientFile } from "@casemate/control";
import { createWebSocketStream, WebSocket } from "ws";
import { pinnedServer } from "./pinned-server.ts";

/** What failures of a socket mean. */
interface SocketErrors {
  /** What the API answers in place of a WebSocket. */
  refused(answer: string): Error;
  /** Why it closed: an error's code, or nothing. */
  closed(reason: string): Error;
  unreachable(cause: Error): Error;
}

const limits = { handshakeMs: 90_000, messageBytes: 1024 * 1024 };

/** RFC 6455, 7.4.1: the other end is done. */
const normalClosure = 1000;

/** The bytes of a WebSocket of the API, both ways, once it is open. */
export async function openControlSocket(
  file: ClientFile,
  path: string,
  errors: SocketErrors,
): Promise<Duplex> {
  const socket = new WebSocket(new URL(path, file.url), {
    ...pinnedServer(file),
    headers: { authorization: `Bearer ${file.token}` },
    handshakeTimeout: limits.handshakeMs,
    maxPayload: limits.messageBytes,
    perMessageDeflate: false,
  });
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
  let stream: Duplex | undefined;
  socket.on("unexpected-response", (_request, response: IncomingMessage) => {
    text(response)
      .then((answer) => reject(errors.refused(answer)), reject)
      .finally(() => socket.terminate());
  });
  socket.on("error", (cause) => reject(errors.unreachable(cause)));
  socket.on("close", (code, reason) => {
    if (code !== normalClosure) stream?.destroy(errors.closed(reason.toString("utf8")));
  });
  socket.on("open", () => {
    stream = createWebSocketStream(socket);
    resolve(stream);
  });
  return await promise;
}
