import type { Access } from "../kernel/data-class.ts";

/** Another guest whose memory is open, for what guests of one build have alike. */
export interface PeerGuest {
  /** The VM's name. */
  readonly name: string;
  /** The build of its kernel; HOSTILE: as it says itself. */
  readonly buildId: string | undefined;
  /** Runs `read` as one look at it. Throws as `Grant.look`. */
  look<Value>(read: (access: Access<"kernelMetadata" | "kernelText">) => Value): Value;
}
