import type { PauseReason } from "../libvirt/pause-reason.ts";

/**
 * Whether a VM that is paused for `reason` may be so because Casemate asked; `undefined` is one that is not
 * paused. A libvirtd that ended in the middle of it may not know why any more.
 */
export function mayBeOurs(reason: PauseReason | undefined): boolean {
  return reason === "user" || reason === "unknown";
}
