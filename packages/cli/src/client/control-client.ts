import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import type { Duplex } from "node:stream";
import type { ClientFile } from "@casemate/control";
import { CasemateError, type ErrorCode, errorCatalogue, MiB } from "@casemate/core";
import { openControlSocket } from "./control-socket.ts";
import { pinnedServer } from "./pinned-server.ts";
import { walkServerSent } from "./server-sent.ts";

/** The API of a running control plane. */
export interface ControlClient {
  /** The document at `path`. Throws `api/unreachable` and whatever error the API answers. */
  get(path: string, signal?: AbortSignal): Promise<Document>;
  /** As `get`, of what the API does something for; `body` goes as JSON, and `patienceMs` is how long it may be silent. */
  post(path: string, body?: object, signal?: AbortSignal, patienceMs?: number): Promise<Document>;
  /** As `post`, of what goes on: the documents of its events, until it ends or `signal` is aborted. */
  listen(path: string, body: object, signal: AbortSignal): AsyncIterable<Document>;
  /** The bytes at `path`, bit by bit. Throws as `get`. */
  download(path: string, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  put(path: string, body: object, signal?: AbortSignal): Promise<Document>;
  delete(path: string, signal?: AbortSignal): Promise<Document>;
  /** The bytes of the WebSocket at `path`, both ways; it breaks with whatever error the API closes it with. */
  connect(path: string): Promise<Duplex>;
}

type Document = Readonly<Record<string, unknown>>;

interface Sent {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body: object | undefined;
  readonly patienceMs?: number | undefined;
}

const limits = { timeoutMs: 90_000, answerBytes: 256 * MiB };

/** The client for what a client file names; it trusts that file's certificate and no other. */
export function controlClient(file: ClientFile): ControlClient {
  const ask = async (sent: Sent, signal?: AbortSignal): Promise<Document> => {
    const { status, text } = await fetchText(file, sent, signal);
    const document = parseDocument(text, sent.path);
    if (status < 400) return document;
    throw asError(document, sent.path);
  };
  return {
    get: (path, signal) => ask({ method: "GET", path, body: undefined }, signal),
    post: (path, body, signal, patienceMs) =>
      ask({ method: "POST", path, body, patienceMs }, signal),
    listen: (path, body, signal) => walkDocuments(file, { method: "POST", path, body }, signal),
    download: (path, signal) => walkBytes(file, { method: "GET", path, body: undefined }, signal),
    put: (path, body, signal) => ask({ method: "PUT", path, body }, signal),
    delete: (path, signal) => ask({ method: "DELETE", path, body: undefined }, signal),
    connect: (path) =>
      openControlSocket(file, path, {
        refused: (answer) => asError(parseDocument(answer, path), path),
        closed: (reason) => closedBy(reason, path),
        unreachable: (cause) => unreachable(file, cause),
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function* walkDocuments(
  file: ClientFile,
  sent: Sent,
  signal: AbortSignal,
): AsyncGenerator<Document> {
  try {
    const response = await send(file, sent, signal);
    if ((response.statusCode ?? 0) >= 400) {
      throw asError(parseDocument((await readText(response)).text, sent.path), sent.path);
    }
    for await (const { type, data } of walkServerSent(response, limits.answerBytes)) {
      const document = parseDocument(data, sent.path);
      if (type === "error") throw asError(document, sent.path);
      yield document;
    }
  } catch (thrown) {
    if (signal.aborted) return; // who listens has gone
    if (thrown instanceof CasemateError) throw thrown;
    throw unreachable(file, thrown instanceof Error ? thrown : new Error(String(thrown)));
  }
}

async function* walkBytes(
  file: ClientFile,
  sent: Sent,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const response = await send(file, sent, signal);
  try {
    if ((response.statusCode ?? 0) >= 400) {
      throw asError(parseDocument((await readText(response)).text, sent.path), sent.path);
    }
    yield* response as AsyncIterable<Uint8Array>; // no encoding was set: its pieces are bytes
  } catch (thrown) {
    if (thrown instanceof CasemateError) throw thrown;
    throw unreachable(file, thrown instanceof Error ? thrown : new Error(String(thrown)));
  }
}

async function fetchText(file: ClientFile, sent: Sent, signal?: AbortSignal): Promise<Answer> {
  const response = await send(file, sent, signal);
  try {
    return await readText(response);
  } catch (thrown) {
    throw unreachable(file, thrown instanceof Error ? thrown : new Error(String(thrown)));
  }
}

async function readText(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > limits.answerBytes) throw new Error("its answer has no end");
  }
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") };
}

/** The response, once its head is there. */
function send(
  file: ClientFile,
  { method, path, body, patienceMs = limits.timeoutMs }: Sent,
  signal?: AbortSignal,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = request(new URL(path, file.url), {
    method,
    ...pinnedServer(file),
    headers: {
      authorization: `Bearer ${file.token}`,
      accept: "application/json",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    timeout: patienceMs,
    agent: false,
    ...(signal === undefined ? {} : { signal }),
  });
  sent.on("timeout", () => sent.destroy(new Error(`no answer within ${patienceMs} ms`)));
  sent.on("error", (cause) => reject(unreachable(file, cause)));
  sent.on("response", resolve);
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}

function parseDocument(text: string, path: string): Document {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined; // refused below
  }
  if (typeof value === "object" && value !== null) return { ...value };
  throw new CasemateError(
    "api/unreachable",
    `Cannot read what the control plane answers to ${path}: it is no JSON document.`,
    { next: "Check that it is Casemate that listens there, of the same version." },
  );
}

function asError(document: Document, path: string): CasemateError {
  const { code, message, next } = document;
  if (typeof code === "string" && isErrorCode(code) && typeof message === "string") {
    return new CasemateError(code, message, typeof next === "string" ? { next } : {});
  }
  return new CasemateError("api/unreachable", `Cannot read the control plane's error at ${path}.`);
}

function closedBy(reason: string, path: string): CasemateError {
  const code = isErrorCode(reason) ? reason : "api/unreachable";
  return new CasemateError(
    code,
    `Cannot go on with ${path}: the control plane closed it${reason && ` (${code})`}, expected it to stay open.`,
  );
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCatalogue, code);
}

function unreachable(file: ClientFile, cause: Error): CasemateError {
  const seen = "code" in cause ? String(cause.code) : cause.message;
  return new CasemateError(
    "api/unreachable",
    `Cannot reach the control plane at ${file.url}: ${seen}, expected a running Casemate.`,
    { cause },
  );
}
