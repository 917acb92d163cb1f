import type { Glance } from "@casemate/inspect";

/** What shows at a glance, and what that took of the processor. */
export interface GuestGlance extends Omit<Glance, "uptime"> {
  /** By the guest's own word. */
  readonly bootedAt: Date;
  readonly cpuMs: number;
}
