import type { Access } from "../kernel/data-class.ts";

/**
 * Another guest whose memory is open, for what guests of one build have alike. It has no name here: who reads
 * what is said of one guest may not be one to know of the others.
 */
export interface PeerGuest {
  /** The build of its kernel; HOSTILE: as it says itself. */
  readonly buildId: string | undefined;
  /** Runs `read` as one look at it. Throws as `Grant.look`. */
  look<Value>(read: (access: Access<"kernelMetadata" | "kernelText">) => Value): Value;
}
