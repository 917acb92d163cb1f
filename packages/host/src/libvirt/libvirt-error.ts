import { CasemateError, type ErrorCode } from "@casemate/core";

/** virErrorNumber (virterror.h), the numbers that decide something here. */
export const virErrorNumber = {
  noSupport: 3,
  operationFailed: 9,
  xmlError: 27,
  domExist: 28,
  operationDenied: 29,
  systemError: 38,
  noDomain: 42,
  noNetwork: 43,
  authFailed: 45,
  noStoragePool: 49,
  noStorageVol: 50,
  operationInvalid: 55,
  noDomainSnapshot: 72,
  operationAborted: 78,
  authCancelled: 79,
  accessDenied: 88,
  storageVolExist: 90,
  xmlInvalidSchema: 92,
  authUnavailable: 94,
  deviceMissing: 99,
  noDomainBackup: 104,
} as const;

/** An error as it crosses from the thread that called libvirt: plain, so that it can be posted. */
export interface LibvirtFailure {
  readonly code: ErrorCode;
  /** "Cannot start VM web01: libvirt said …" */
  readonly message: string;
  /** virErrorNumber; 0 where libvirt gave none. */
  readonly number: number;
  /** virErrorDomain: the part of libvirt that raised it. */
  readonly domain: number;
  /** libvirt's own words. HOSTILE: they may quote names that a guest's owner chose. */
  readonly words: string;
}

/** libvirt's own error, the `cause` of the CasemateError that people see. */
export class LibvirtError extends Error {
  override readonly name = "LibvirtError";
  /** virErrorNumber. */
  readonly number: number;
  /** virErrorDomain. */
  readonly domain: number;

  constructor(failure: LibvirtFailure) {
    super(failure.words);
    this.number = failure.number;
    this.domain = failure.domain;
  }
}

/** The error that people see, libvirt's own kept as its cause. */
export function libvirtFailureToError(failure: LibvirtFailure): CasemateError {
  return new CasemateError(failure.code, failure.message, { cause: new LibvirtError(failure) });
}
