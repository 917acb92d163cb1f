import { KiB } from "@casemate/core";
import type { Collector } from "../collector.ts";

/** Something that should be unique to one machine, and is not where it was cloned. HOSTILE: the guest says it. */
export interface Identifier {
  readonly kind: string;
  readonly value: string;
  readonly path: string;
}

const MAX_BYTES = 4 * KiB;
const MAX_VALUE = 256;

/** Where each is, and which part of the file it is. */
const PLACES: readonly (readonly [kind: string, path: string, value: RegExp])[] = [
  ["machine-id", "/etc/machine-id", /^([0-9a-f]{32})$/m],
  ["dbus-machine-id", "/var/lib/dbus/machine-id", /^([0-9a-f]{32})$/m],
  ["hostname", "/etc/hostname", /^([^\s#]+)$/m],
  ["cloud-instance-id", "/var/lib/cloud/data/instance-id", /^(\S+)$/m],
  ["iscsi-initiator", "/etc/iscsi/initiatorname.iscsi", /^InitiatorName=(\S+)$/m],
  ["nvme-host", "/etc/nvme/hostnqn", /^(\S+)$/m],
];

/** What the machine is known by. */
export const identifiers: Collector<Identifier> = {
  id: "identifiers/files",
  *collect(look) {
    for (const [kind, path, pattern] of PLACES) {
      const text = look.read(path, MAX_BYTES)?.toString("utf8") ?? "";
      const value = pattern.exec(text)?.[1] ?? "";
      if (value !== "" && value.length <= MAX_VALUE) yield { kind, value, path };
    }
  },
};
