/** virDomainEventType and its details (libvirt-domain.h), in libvirt's order and with its names. */
export const lifecycleEvents = [
  ["defined", ["added", "updated", "renamed", "from-snapshot"]],
  ["undefined", ["removed", "renamed"]],
  ["started", ["booted", "migrated", "restored", "from-snapshot", "wakeup"]],
  [
    "suspended",
    [
      "paused",
      "migrated",
      "io-error",
      "watchdog",
      "restored",
      "from-snapshot",
      "api-error",
      "postcopy",
      "postcopy-failed",
    ],
  ],
  ["resumed", ["unpaused", "migrated", "from-snapshot", "postcopy", "postcopy-failed"]],
  ["stopped", ["shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from-snapshot"]],
  ["shutdown", ["finished", "guest", "host"]],
  ["pmsuspended", ["memory", "disk"]],
  ["crashed", ["panicked", "crashloaded"]],
] as const;

export const watchdogActions = [
  "none",
  "pause",
  "reset",
  "poweroff",
  "shutdown",
  "debug",
  "inject-nmi",
] as const;
export const ioErrorActions = ["none", "pause", "report"] as const;
export const diskChangeReasons = ["missing-on-start", "dropped-missing-on-start"] as const;
export const trayChangeReasons = ["open", "close"] as const;
export const metadataTypes = ["description", "title", "element"] as const;

/** A number of libvirt that has no name here, because a later libvirt added it. */
type OrUnknown<T> = T | "unknown";

export type LifecycleEvent = (typeof lifecycleEvents)[number][0];
export type LifecycleDetail = (typeof lifecycleEvents)[number][1][number];

/** What libvirt tells of a VM as it happens. HOSTILE: names and paths are its owner's choice. */
export type DomainEvent = { readonly uuid: string; readonly name: string } & (
  | {
      readonly kind: "lifecycle";
      readonly event: OrUnknown<LifecycleEvent>;
      readonly detail: OrUnknown<LifecycleDetail>;
    }
  | { readonly kind: "reboot" }
  /** The guest set its clock: seconds between it and UTC. */
  | { readonly kind: "rtc-change"; readonly utcOffset: number }
  | { readonly kind: "watchdog"; readonly action: OrUnknown<(typeof watchdogActions)[number]> }
  | {
      readonly kind: "io-error";
      readonly device: string;
      readonly path: string;
      readonly action: OrUnknown<(typeof ioErrorActions)[number]>;
      readonly reason: string;
    }
  /** libvirt lost the VM's monitor: it cannot steer the VM any more. */
  | { readonly kind: "control-error" }
  | {
      readonly kind: "disk-change";
      readonly device: string;
      readonly oldPath: string | undefined;
      readonly newPath: string | undefined;
      readonly reason: OrUnknown<(typeof diskChangeReasons)[number]>;
    }
  | {
      readonly kind: "tray-change";
      readonly device: string;
      readonly reason: OrUnknown<(typeof trayChangeReasons)[number]>;
    }
  | {
      readonly kind: "device-added" | "device-removed" | "device-removal-failed";
      readonly device: string;
    }
  | {
      readonly kind: "metadata-change";
      readonly type: OrUnknown<(typeof metadataTypes)[number]>;
      readonly uri: string | undefined;
    }
);
