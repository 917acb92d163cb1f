import { CasemateError, type ErrorCode } from "@casemate/core";
import { type LibvirtFailure, virErrorNumber } from "../libvirt-error.ts";
import {
  type Address,
  type Libvirt,
  lastVirError,
  type Out,
  takePointers,
  type VirConnect,
  type VirDomain,
} from "../prototypes.ts";

/** What a call has at hand: libvirt, and the connection it is made on. */
export interface Call {
  readonly lib: Libvirt;
  readonly conn: VirConnect;
}

/** Thrown in the thread that called libvirt; what it carries is posted to the caller. */
export class CallFailed extends Error {
  readonly failure: LibvirtFailure;

  constructor(failure: LibvirtFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

const permissionDenied: readonly number[] = [
  virErrorNumber.operationDenied,
  virErrorNumber.authFailed,
  virErrorNumber.authCancelled,
  virErrorNumber.accessDenied,
  virErrorNumber.authUnavailable,
];

/** The numbers that say what is wrong by themselves. */
const meanings: Readonly<Record<number, ErrorCode>> = {
  [virErrorNumber.noDomain]: "vm/unknown",
  [virErrorNumber.domExist]: "vm/exists",
  [virErrorNumber.xmlError]: "definition/malformed",
  [virErrorNumber.xmlInvalidSchema]: "definition/malformed",
  [virErrorNumber.noDomainSnapshot]: "snapshot/unknown",
  [virErrorNumber.noStoragePool]: "storage/unknown",
  [virErrorNumber.noStorageVol]: "storage/unknown",
  [virErrorNumber.storageVolExist]: "storage/exists",
  [virErrorNumber.deviceMissing]: "device/unknown",
};

const EPERM = 1;
const EACCES = 13;

/**
 * The failure of the libvirt call that has just failed **in this thread**: libvirt keeps its last error
 * per thread, so it must be taken before anything else is called.
 *
 * @param code what it means where libvirt's own number does not say more.
 */
export function callFailed(lib: Libvirt, doing: string, code: ErrorCode, conn?: VirConnect) {
  const error = lastVirError();
  const number = error?.code ?? 0;
  const words = error?.message ?? "nothing";
  const errno = number === virErrorNumber.systemError ? error?.int1 : undefined;
  const lost = conn !== undefined && lib.virConnectIsAlive(conn) !== 1;
  const refused = permissionDenied.includes(number) || errno === EPERM || errno === EACCES;
  return new CallFailed({
    code: lost
      ? "libvirt/unreachable"
      : refused
        ? "libvirt/not-permitted"
        : (meanings[number] ?? code),
    message: `Cannot ${doing}: libvirt said "${words}".`,
    number,
    domain: error?.domain ?? 0,
    words,
  });
}

/** The value that libvirt returned, or its error where that is NULL or negative. */
export function checked<T extends bigint | number | string>(
  call: Call,
  doing: string,
  value: T | null,
): T {
  if (value === null || (typeof value === "number" && value < 0)) {
    throw callFailed(call.lib, doing, "libvirt/failed", call.conn);
  }
  return value;
}

/** Uses a libvirt object and frees it, whatever happens. */
export function using<P extends bigint, T>(
  object: P,
  free: (object: P) => number,
  use: (object: P) => T,
): T {
  try {
    return use(object);
  } finally {
    free(object);
  }
}

/**
 * Maps the objects of one of libvirt's ListAll functions and frees them all, whatever happens.
 *
 * @param gone the virErrorNumber that says an object went away between the list and the read: it is left out.
 */
export function mapAll<P extends bigint, T>(
  call: Call,
  doing: string,
  gone: number,
  list: (out: Out<Address | null>) => number,
  free: (object: P) => number,
  map: (object: P) => T,
): T[] {
  const out: Out<Address | null> = [null];
  const count = checked(call, doing, list(out));
  const objects = takePointers<P>(out[0], count);
  const mapped: T[] = [];
  try {
    for (const object of objects) {
      try {
        mapped.push(map(object));
      } catch (thrown) {
        if (!(thrown instanceof CallFailed) || thrown.failure.number !== gone) throw thrown;
      }
    }
    return mapped;
  } finally {
    for (const object of objects) free(object);
  }
}

/** Looks a VM up by its UUID, uses it and frees it; `doing` gets the VM's name for the error. */
export function onDomain<T>(
  call: Call,
  uuid: string,
  verb: string,
  use: (dom: VirDomain, doing: string) => T,
): T {
  const { lib, conn } = call;
  const found = checked(call, `${verb} VM ${uuid}`, lib.virDomainLookupByUUIDString(conn, uuid));
  return using(found, lib.virDomainFree, (dom) =>
    use(dom, `${verb} VM ${lib.virDomainGetName(dom) ?? uuid}`),
  );
}

/** As `checked`, for what only a running VM can do: failed while it does not run is `vm/not-running`. */
export function checkedRunning(call: Call, dom: VirDomain, doing: string, result: number): number {
  if (result >= 0) return result;
  const failed = callFailed(call.lib, doing, "libvirt/failed", call.conn);
  throw call.lib.virDomainIsActive(dom) === 0
    ? new CallFailed({ ...failed.failure, code: "vm/not-running" })
    : failed;
}

/** As `checked`, for what only a stopped VM can do: failed while it runs is `vm/running`. */
export function checkedStopped(call: Call, dom: VirDomain, doing: string, result: number): number {
  if (result >= 0) return result;
  const failed = callFailed(call.lib, doing, "libvirt/failed", call.conn);
  const { number } = failed.failure;
  throw number === virErrorNumber.operationInvalid && call.lib.virDomainIsActive(dom) === 1
    ? new CallFailed({ ...failed.failure, code: "vm/running" })
    : failed;
}

/** What was thrown in a call, in the form that can be posted to another thread. */
export function toFailure(thrown: unknown): LibvirtFailure {
  if (thrown instanceof CallFailed) return thrown.failure;
  const words = thrown instanceof Error ? thrown.message : String(thrown);
  return {
    code: thrown instanceof CasemateError ? thrown.code : "internal",
    message: thrown instanceof CasemateError ? words : `Cannot call libvirt: ${words}.`,
    number: 0,
    domain: 0,
    words,
  };
}
