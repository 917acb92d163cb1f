import type { PauseEnd } from "@casemate/host";
import type { AnyView, Consistency, Damage } from "@casemate/inspect";

/** A value in an item, as JSON carries it: 64-bit numbers that may not fit a double are text. */
export type ViewValue =
  | string
  | number
  | boolean
  | null
  | readonly ViewValue[]
  | { readonly [key: string]: ViewValue };

/** One row of a view. HOSTILE: the guest controls every value. */
export type ViewItem = Readonly<Record<string, ViewValue>>;

/** A table read out of a guest's memory. */
export interface ViewTable {
  readonly view: AnyView;
  /** What was looked into, for people: the VM or the dump. */
  readonly subject: string;
  readonly takenAt: Date;
  /** How long the look took, without finding the kernel. */
  readonly elapsedMs: number;
  /** How far the rows can be trusted to be of one moment. */
  readonly consistency: Consistency;
  /** What is missing among the rows because the guest's memory contradicts itself there. */
  readonly damaged: readonly Damage[];
  /** How the VM stood still for it, where that was asked for. */
  readonly paused?: PauseEnd;
  readonly items: readonly ViewItem[];
}
