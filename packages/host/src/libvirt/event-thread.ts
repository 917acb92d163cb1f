/**
 * The thread that waits in libvirt's event loop, for the whole process.
 *
 * It is a thread of its own because the wait blocks: in libuv's pool it would hold one of four threads
 * for ever, and every callback would have to hop to the main thread while libvirt waits. Here libvirt
 * calls back in the thread that runs the loop, and events leave by postMessage.
 */
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type { DomainEvent } from "./domain-event.ts";
import {
  type EventCallback,
  registerEventCallbacks,
  unregisterEventCallbacks,
} from "./event-callbacks.ts";
import { EventThreadOrder } from "./event-thread-order.ts";
import type { LibvirtFailure } from "./libvirt-error.ts";
import { libvirt, type VirConnect, type VirStream } from "./prototypes.ts";
import { WatchedStreams } from "./watched-streams.ts";

export interface EventThreadData {
  /** libvirt's timer that the main thread sets to end the wait. */
  readonly timer: number;
  /** One element, an EventThreadOrder. */
  readonly order: Int32Array<SharedArrayBuffer>;
}

export type ToEventThread =
  | { readonly kind: "watch"; readonly connection: number; readonly conn: VirConnect }
  | { readonly kind: "forget"; readonly connection: number }
  | {
      readonly kind: "watch-stream";
      readonly number: number;
      readonly conn: VirConnect;
      readonly stream: VirStream;
    }
  | { readonly kind: "forget-stream"; readonly number: number };

export type FromEventThread =
  | { readonly kind: "ready"; readonly callbacks: readonly EventCallback[] }
  | { readonly kind: "event"; readonly connection: number; readonly event: DomainEvent }
  | { readonly kind: "lost"; readonly connection: number }
  | { readonly kind: "forgotten"; readonly connection: number }
  | { readonly kind: "stream-data"; readonly number: number; readonly bytes: Uint8Array }
  | {
      readonly kind: "stream-ended";
      readonly number: number;
      readonly failure: LibvirtFailure | undefined;
    }
  | { readonly kind: "stream-forgotten"; readonly number: number };

if (parentPort === null) throw new Error("event-thread.ts runs as a worker only");
const port = parentPort;
const { timer, order } = workerData as EventThreadData; // event-loop.ts sends it
const lib = libvirt();
const watched = new Map<number, VirConnect>();

const post = (message: FromEventThread): void => port.postMessage(message);

function obey(message: ToEventThread): void {
  switch (message.kind) {
    case "watch":
      watched.set(message.connection, message.conn);
      return;
    case "forget":
      watched.delete(message.connection);
      post({ kind: "forgotten", connection: message.connection });
      return;
    case "watch-stream":
      streams.watch(message.number, message.conn, message.stream);
      return;
    case "forget-stream":
      streams.forget(message.number);
      post({ kind: "stream-forgotten", number: message.number });
      return;
  }
}

const callbacks = registerEventCallbacks((connection, event) =>
  post({ kind: "event", connection, event }),
);
const streams = new WatchedStreams({
  data: (number, bytes) => post({ kind: "stream-data", number, bytes }),
  ended: (number, failure) => post({ kind: "stream-ended", number, failure }),
});
post({ kind: "ready", callbacks });

for (;;) {
  // The timer is put to sleep before the messages are read: one that comes later wakes the next wait.
  lib.virEventUpdateTimeout(timer, -1);
  for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port)) {
    obey(got.message as ToEventThread); // event-loop.ts sends nothing else
  }
  if (Atomics.load(order, 0) !== EventThreadOrder.run) break;
  streams.leaveEnded();
  // libvirt's close callback may come from any thread, this loop turns whenever a socket closes.
  for (const [connection, conn] of watched) {
    if (lib.virConnectIsAlive(conn) === 1) continue;
    watched.delete(connection);
    post({ kind: "lost", connection });
  }
  if (lib.virEventRunDefaultImpl() < 0) throw new Error("libvirt's event loop failed");
}

streams.close();
unregisterEventCallbacks(callbacks);
Atomics.store(order, 0, EventThreadOrder.left);
Atomics.notify(order, 0);
port.close();
