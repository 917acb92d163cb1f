import type { VolumeOrigin } from "@casemate/formats/disk";
import type { SystemVolume } from "./find-volumes.ts";

/** Tags that a volume is named by in an fstab (fstab(5), blkid(8)). */
const TAGS: Readonly<Record<string, (volume: SystemVolume, value: string) => boolean>> = {
  // FAT's and NTFS's are in capitals, XFS's and ext's in small letters, and people write either.
  UUID: ({ files }, value) => isSame(files?.volume.uuid, value),
  LABEL: ({ files }, value) => files?.volume.label === value,
  PARTUUID: ({ origin }, value) =>
    origin.kind === "partition" && isSame(origin.partition.uuid, value),
  PARTLABEL: ({ origin }, value) => origin.kind === "partition" && origin.partition.name === value,
};

const isSame = (one: string | undefined, other: string): boolean =>
  one !== undefined && one !== "" && one.toLowerCase() === other.toLowerCase();

/** Whether `source`, as an fstab has it, names the volume. */
export function matchesVolume(volume: SystemVolume, source: string): boolean {
  const [, tag = "", value = ""] = /^([A-Z]+)=(.+)$/.exec(source) ?? [];
  if (tag !== "") return TAGS[tag]?.(volume, value) ?? false;
  const [, kind = "", name = ""] =
    /^\/dev\/disk\/by-(uuid|label|partuuid|partlabel)\/(.+)$/.exec(source) ?? [];
  if (kind !== "") return TAGS[kind.toUpperCase()]?.(volume, unescapeUdev(name)) ?? false;
  return deviceNames(volume.origin).some((device) => `/dev/${device}` === source);
}

/** udev writes what may not be in a link's name as `\x20`. */
function unescapeUdev(name: string): string {
  return name.replaceAll(/\\x([0-9a-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}

/** What Linux calls it. Disks count in the order they were given, which is the hypervisor's. */
function deviceNames(origin: VolumeOrigin): readonly string[] {
  switch (origin.kind) {
    case "disk":
      return diskNames(origin.disk);
    case "partition": {
      const { number } = origin.partition;
      return diskNames(origin.disk).map((disk) => `${disk}${/\d$/.test(disk) ? "p" : ""}${number}`);
    }
    case "logical-volume": {
      const { group, name } = origin;
      // Device mapper's names have a dash between the two, and double those within (lvm(8)).
      const mapped = [group, name].map((part) => part.replaceAll("-", "--")).join("-");
      return [`${group}/${name}`, `mapper/${mapped}`];
    }
    case "decrypted":
      // As installers name it; what a crypttab calls it besides is found by its UUID.
      return [`mapper/luks-${origin.uuid}`];
  }
}

function diskNames(index: number): readonly string[] {
  const letter = String.fromCharCode("a".charCodeAt(0) + index);
  const lettered = index < 26 ? ["vd", "sd", "xvd", "hd"].map((prefix) => prefix + letter) : [];
  return [...lettered, `nvme${index}n1`, `mmcblk${index}`];
}
