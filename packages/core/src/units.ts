import type { Brand } from "./brand.ts";

/** A guest-physical address in bytes. A `number`: physical addresses have at most 52 bits (Intel SDM vol. 3, 4.1.4). */
export type Gpa = Brand<number, "Gpa">;

/** A guest-virtual address, unsigned 64 bits. A `bigint`: five-level kernel addresses do not fit a double. */
export type Gva = Brand<bigint, "Gva">;

/** A length in bytes. */
export type Bytes = Brand<number, "Bytes">;

/** A span of time in milliseconds. */
export type Milliseconds = Brand<number, "Milliseconds">;

/** A span of time in microseconds. */
export type Microseconds = Brand<number, "Microseconds">;

/** A span of time in nanoseconds; 64 bits, as kernels count it. */
export type Nanoseconds = Brand<bigint, "Nanoseconds">;

export const gpa = (value: number): Gpa => value as Gpa; // a unit is given here, once
export const gva = (value: bigint): Gva => BigInt.asUintN(64, value) as Gva; // a unit is given here, once
export const bytes = (value: number): Bytes => value as Bytes; // a unit is given here, once
export const milliseconds = (value: number): Milliseconds => value as Milliseconds; // a unit is given here, once
export const microseconds = (value: number): Microseconds => value as Microseconds; // a unit is given here, once
export const nanoseconds = (value: bigint): Nanoseconds => value as Nanoseconds; // a unit is given here, once

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;

/** A byte count for people: `512 MiB`, `1.5 GiB`. */
export function formatBytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"] as const;
  let unit = 0;
  let scaled = value;
  while (scaled >= 1024 && unit < units.length - 1) {
    scaled /= 1024;
    unit += 1;
  }
  const digits = Number.isInteger(scaled) || scaled >= 100 ? 0 : 1;
  return `${scaled.toFixed(digits)} ${units[unit]}`;
}

/** The bytes that `512M`, `2GiB` or a plain number say, in powers of 1024; undefined for anything else. */
export function parseBytes(text: string): number | undefined {
  const found = /^(\d{1,12})([KMGT]?)(?:i?B)?$/i.exec(text);
  const [, digits = "", unit = ""] = found ?? [];
  if (digits === "") return undefined;
  return Number(digits) * 1024 ** " KMGT".indexOf(unit.toUpperCase() || " ");
}

/** A guest address for people and for JSON: `0xffffffff81000000`. */
export function formatAddress(address: Gva | Gpa): string {
  return `0x${address.toString(16).padStart(typeof address === "bigint" ? 16 : 1, "0")}`;
}
