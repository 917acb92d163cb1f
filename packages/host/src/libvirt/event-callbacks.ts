import koffi from "koffi";
import {
  type DomainEvent,
  diskChangeReasons,
  ioErrorActions,
  lifecycleEvents,
  metadataTypes,
  trayChangeReasons,
  watchdogActions,
} from "./domain-event.ts";
import { type Address, libvirt, type VirDomain, type Wide } from "./prototypes.ts";

/** What a callback tells beyond the VM it is about; distributes over the kinds of events. */
type Told = DomainEvent extends infer E
  ? E extends unknown
    ? Omit<E, "uuid" | "name">
    : never
  : never;

/** Passes an event on; `connection` is the number given as `opaque` when the callback was registered. */
type Tell = (connection: number, event: DomainEvent) => void;

/** A callback ready to be registered: virDomainEventID and the C function's address. */
export interface EventCallback {
  readonly id: number;
  readonly kind: DomainEvent["kind"];
  readonly address: Address;
}

type Text = string | null;

const named = <T extends string>(names: readonly T[], index: number): T | "unknown" =>
  names[index] ?? "unknown";

/** virDomainEventID, the C arguments between the VM and `opaque`, and what they mean. */
function row<A extends unknown[]>(
  id: number,
  kind: DomainEvent["kind"],
  args: string,
  told: (...args: A) => Told,
  result = "void",
) {
  return {
    id,
    kind,
    prototype: `${result} event${id}(void *conn, void *dom, ${args}void *opaque)`,
    told,
  };
}

const table = [
  row(
    0,
    "lifecycle",
    "int event, int detail, ",
    (event: number, detail: number): Told => {
      const [name, details] = lifecycleEvents[event] ?? ["unknown" as const, []];
      return { kind: "lifecycle", event: name, detail: named(details, detail) };
    },
    "int",
  ),
  row(1, "reboot", "", (): Told => ({ kind: "reboot" })),
  row(
    2,
    "rtc-change",
    "long long utcoffset, ",
    (utcoffset: Wide): Told => ({ kind: "rtc-change", utcOffset: Number(utcoffset) }),
  ),
  row(
    3,
    "watchdog",
    "int action, ",
    (action: number): Told => ({ kind: "watchdog", action: named(watchdogActions, action) }),
  ),
  row(
    6,
    "io-error",
    "const char *srcPath, const char *devAlias, int action, const char *reason, ",
    (path: Text, device: Text, action: number, reason: Text): Told => ({
      kind: "io-error",
      device: device ?? "",
      path: path ?? "",
      action: named(ioErrorActions, action),
      reason: reason ?? "",
    }),
  ),
  row(7, "control-error", "", (): Told => ({ kind: "control-error" })),
  row(
    9,
    "disk-change",
    "const char *oldSrcPath, const char *newSrcPath, const char *devAlias, int reason, ",
    (oldPath: Text, newPath: Text, device: Text, reason: number): Told => ({
      kind: "disk-change",
      device: device ?? "",
      oldPath: oldPath ?? undefined,
      newPath: newPath ?? undefined,
      reason: named(diskChangeReasons, reason),
    }),
  ),
  row(
    10,
    "tray-change",
    "const char *devAlias, int reason, ",
    (device: Text, reason: number): Told => ({
      kind: "tray-change",
      device: device ?? "",
      reason: named(trayChangeReasons, reason),
    }),
  ),
  ...(
    [
      [15, "device-removed"],
      [19, "device-added"],
      [22, "device-removal-failed"],
    ] as const
  ).map(([id, kind]) =>
    row(
      id,
      kind,
      "const char *devAlias, ",
      (device: Text): Told => ({ kind, device: device ?? "" }),
    ),
  ),
  row(
    23,
    "metadata-change",
    "int type, const char *nsuri, ",
    (type: number, uri: Text): Told => ({
      kind: "metadata-change",
      type: named(metadataTypes, type),
      uri: uri ?? undefined,
    }),
  ),
];

/**
 * Makes C functions of the callbacks. They are called in the thread that runs libvirt's event loop,
 * which must be this one; libvirt owns the VM they get, for the time of the call.
 */
export function registerEventCallbacks(tell: Tell): EventCallback[] {
  const lib = libvirt();
  const uuid = Buffer.alloc(37); // VIR_UUID_STRING_BUFLEN
  return table.map(({ id, kind, prototype, told }) => {
    const callback = (_conn: bigint, dom: VirDomain, ...rest: unknown[]): number => {
      const connection = Number(rest.pop());
      const known = lib.virDomainGetUUIDString(dom, uuid) === 0;
      const event = {
        uuid: known ? uuid.toString("latin1", 0, 36) : "",
        name: lib.virDomainGetName(dom) ?? "",
        // The C prototype of the same row says what the rest is.
        ...(told as (...args: unknown[]) => Told)(...rest),
      };
      tell(connection, event);
      return 0;
    };
    const address = koffi.register(callback, koffi.pointer(koffi.proto(prototype)));
    return { id, kind, address: address as Address }; // the address of a C function
  });
}

/** Gives the C functions back; no connection may still have them. */
export function unregisterEventCallbacks(callbacks: readonly EventCallback[]): void {
  for (const { address } of callbacks) koffi.unregister(address);
}
