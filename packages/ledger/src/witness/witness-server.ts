import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CasemateError, KiB, toCasemateError } from "@casemate/core";
import type { Witness } from "./witness.ts";

/** A witness that answers over HTTP. */
export interface WitnessServer extends AsyncDisposable {
  /** The submission prefix: `http://127.0.0.1:7444`. */
  readonly url: string;
}

const LIMITS = { bodyBytes: 64 * KiB, requestMs: 10_000, idleMs: 65_000 };

/**
 * Serves the witness on an address of this machine. Requests need no login: the log's signature is what counts.
 *
 * Throws `listen/in-use`, `listen/not-allowed`.
 */
export async function serveWitness(
  witness: Witness,
  address: { readonly host: string; readonly port: number },
): Promise<WitnessServer> {
  const server = createServer(
    { requestTimeout: LIMITS.requestMs, keepAliveTimeout: LIMITS.idleMs },
    (request, response) => void respond(witness, request, response),
  );
  server.listen(address);
  try {
    await once(server, "listening");
  } catch (thrown) {
    throw listenError(thrown, address);
  }
  const { address: host, port, family } = server.address() as AddressInfo; // it listens on TCP
  return {
    url: `http://${family === "IPv6" ? `[${host}]` : host}:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function respond(
  witness: Witness,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = (status: number, contentType: string, body: string) => {
    response.writeHead(status, { "content-type": contentType }).end(body);
  };
  try {
    if (request.url !== "/add-checkpoint") return answer(404, "text/plain", "Not found.\n");
    if (request.method !== "POST") return answer(405, "text/plain", "POST it.\n");
    const body = await readBody(request);
    if (body === undefined) return answer(413, "text/plain", "Too large.\n");
    const { status, contentType, body: text } = await witness.addCheckpoint(body);
    answer(status, contentType, text);
  } catch (thrown) {
    if (response.headersSent || request.destroyed) return;
    answer(toCasemateError(thrown).kind.status, "text/plain", "The witness cannot sign now.\n");
  }
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > LIMITS.bodyBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function listenError(
  thrown: unknown,
  { host, port }: { readonly host: string; readonly port: number },
): unknown {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  if (code === "EADDRINUSE") {
    return new CasemateError(
      "listen/in-use",
      `Cannot listen on ${host}:${port}: something else does, expected it to be free.`,
      { cause: thrown },
    );
  }
  return new CasemateError(
    "listen/not-allowed",
    `Cannot listen on ${host}:${port}: the system says ${code}, expected an address of this machine.`,
    { cause: thrown },
  );
}
