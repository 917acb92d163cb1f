/**
 * A thread that makes libvirt calls and nothing else.
 *
 * libvirt keeps its last error per thread, so a call and the reading of its error must happen in the same
 * one; and a call may block for as long as the host likes, which must not hold libuv's pool.
 */
import { parentPort } from "node:worker_threads";
import { toFailure } from "./calls/call.ts";
import { type Calls, calls } from "./calls/calls.ts";
import { type KeepAlive, openConnection } from "./calls/connection-calls.ts";
import type { LibvirtFailure } from "./libvirt-error.ts";
import { type Libvirt, libvirt, type VirConnect } from "./prototypes.ts";

if (parentPort === null) throw new Error("call-thread.ts runs as a worker only");
const port = parentPort;

export type CallRequest =
  | {
      readonly kind: "open";
      readonly uri: string;
      readonly readOnly: boolean;
      readonly keepAlive: KeepAlive;
    }
  | {
      readonly kind: "call";
      readonly name: keyof Calls;
      readonly conn: VirConnect;
      readonly args: readonly unknown[];
    };

export type CallAnswer =
  /** The thread is up; said once, before any answer. */
  | { readonly kind: "ready" }
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "failure"; readonly failure: LibvirtFailure };

function make(lib: Libvirt, request: CallRequest): unknown {
  switch (request.kind) {
    case "open":
      return openConnection(lib, request.uri, request.readOnly, request.keepAlive);
    case "call": {
      // The connection checked the arguments against this very call before it posted them.
      const call = calls[request.name] as (...args: unknown[]) => unknown;
      return call({ lib, conn: request.conn }, ...request.args);
    }
  }
}

const post = (answer: CallAnswer): void => port.postMessage(answer);

function answer(request: CallRequest): CallAnswer {
  try {
    return { kind: "value", value: make(libvirt(), request) };
  } catch (thrown) {
    return { kind: "failure", failure: toFailure(thrown) };
  }
}

port.on("message", (request: CallRequest | "end") => {
  if (request === "end") port.close();
  else post(answer(request));
});
post({ kind: "ready" });
