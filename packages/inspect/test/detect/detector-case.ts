import type { Kernel } from "../../src/index.ts";
import type { GuestEditor } from "./guest-editor.ts";

/** Tampering with a running guest, and what a detector must say of it. */
export interface DetectorCase {
  /** The detector's id. */
  readonly detector: string;
  /** What the guest is made to look like, as a test name: "a task that is off the list of tasks". */
  readonly claim: string;
  /** Makes it so; disposing puts everything back, after which the detector must find nothing again. */
  tamper(guest: GuestEditor): Promise<AsyncDisposable>;
  /** What the key of one of its suspicions looks like; `could not look` where it must find that it cannot. */
  readonly finds: RegExp | "could not look";
  /** Why this kernel cannot have it; `undefined` where it can. */
  without?(kernel: Kernel): string | undefined;
}
