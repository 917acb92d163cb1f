import type { Partition } from "./partition/partition-table.ts";

/** What a volume is. Disks are numbered from 0 on, as they were given. */
export type VolumeOrigin =
  | { readonly kind: "disk"; readonly disk: number }
  | { readonly kind: "partition"; readonly disk: number; readonly partition: Partition }
  | {
      readonly kind: "logical-volume";
      readonly group: string;
      readonly name: string;
      readonly uuid: string;
    }
  | { readonly kind: "decrypted"; readonly inside: VolumeOrigin; readonly uuid: string };

/** A volume in words: `disk 0`, `disk 0, partition 2`, `logical volume vg0/root`. */
export function formatVolumeOrigin(origin: VolumeOrigin): string {
  switch (origin.kind) {
    case "disk":
      return `disk ${origin.disk}`;
    case "partition":
      return `disk ${origin.disk}, partition ${origin.partition.number}`;
    case "logical-volume":
      return `logical volume ${origin.group}/${origin.name}`;
    case "decrypted":
      return `${formatVolumeOrigin(origin.inside)}, decrypted`;
  }
}
