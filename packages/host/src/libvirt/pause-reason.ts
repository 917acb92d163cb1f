/** virDomainPausedReason (libvirt-domain.h), in libvirt's order and with its names. */
export const pauseReasons = [
  "unknown",
  "user",
  "migration",
  "save",
  "dump",
  "ioerror",
  "watchdog",
  "from-snapshot",
  "shutting-down",
  "snapshot",
  "crashed",
  "starting-up",
  "postcopy",
  "postcopy-failed",
  "api-error",
] as const;

/** Why a VM is paused, in libvirt's words; `user` is whoever asked libvirt for it. */
export type PauseReason = (typeof pauseReasons)[number];
