import type { DataClass } from "@casemate/inspect";
import type { VmResource } from "../../spine/gate.ts";

/** A bundle that was sealed. */
export interface SavedEvidence {
  /** That of the request for it. */
  readonly id: string;
  /** The VM as policies saw it then. */
  readonly vm: VmResource;
  /** ISO 8601. */
  readonly at: string;
  /** Who asked for it, as facts name them. */
  readonly by: string;
  readonly classes: readonly DataClass[];
  /** The ids of the findings that it is about. */
  readonly findings: readonly string[];
  /** Whether the guest's whole RAM is in it. */
  readonly memory: boolean;
  /** SHA-256 of its manifest, in hexadecimal. */
  readonly manifest: string;
  /** The fact that seals it. */
  readonly fact: number;
  /** Of the whole bundle; undefined where it is not there any more. */
  readonly bytes: number | undefined;
}
