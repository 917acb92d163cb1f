import type { DefinitionDescription } from "@casemate/agent";

/** What disks are called on a bus, in libvirt's habit. */
const prefixes: Readonly<Record<string, string>> = {
  virtio: "vd",
  scsi: "sd",
  sata: "sd",
  usb: "sd",
  ide: "hd",
};

/** The first name for a disk on `bus` that none of the definitions has: `vdb`. */
export function nextTarget(bus: string, taken: ReadonlySet<string>): string {
  const prefix = prefixes[bus] ?? "vd";
  for (let index = 0; ; index += 1) {
    const target = prefix + letters(index);
    if (!taken.has(target)) return target;
  }
}

/** The targets that any of the definitions has. */
export function takenTargets(
  ...definitions: readonly (DefinitionDescription | undefined)[]
): ReadonlySet<string> {
  return new Set(
    definitions.flatMap((definition) => definition?.disks.map(({ target }) => target) ?? []),
  );
}

/** a, b, …, z, aa, ab, … */
function letters(index: number): string {
  const last = String.fromCharCode(97 + (index % 26));
  return index < 26 ? last : letters(Math.floor(index / 26) - 1) + last;
}
