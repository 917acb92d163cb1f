import { attributeOf, elementAt, textAt } from "@casemate/formats";
import type { Element } from "@xmldom/xmldom";
import type { DiskLayer, DiskSource, DomainDisk } from "./domain-description.ts";

/** HOSTILE: a definition may nest as it likes; libvirt itself follows 200. */
const maxLayers = 200;

const devices = ["disk", "cdrom", "floppy", "lun"] as const;

export function describeDisk(disk: Element): DomainDisk {
  const target = elementAt(disk, "target");
  const device = attributeOf(disk, "device") ?? "disk";
  return {
    target: attributeOf(target, "dev") ?? "",
    bus: attributeOf(target, "bus") ?? "",
    device: devices.find((known) => known === device) ?? "disk",
    source: describeSource(disk),
    format: attributeOf(elementAt(disk, "driver"), "type") ?? "raw",
    // A CD is, whatever the definition says.
    readonly: elementAt(disk, "readonly") !== undefined || device === "cdrom",
    shareable: elementAt(disk, "shareable") !== undefined,
    serial: textAt(disk, "serial"),
    backing: describeBacking(disk),
  };
}

function describeBacking(disk: Element): DiskLayer[] {
  const layers: DiskLayer[] = [];
  for (
    let layer = elementAt(disk, "backingStore");
    layer !== undefined && attributeOf(layer, "type") !== undefined && layers.length < maxLayers;
    layer = elementAt(layer, "backingStore")
  ) {
    const format = attributeOf(elementAt(layer, "format"), "type") ?? "raw";
    layers.push({ source: describeSource(layer), format });
  }
  return layers;
}

/** The <source> of a disk or of a layer below it. */
export function describeSource(from: Element): DiskSource {
  const type = attributeOf(from, "type") ?? "file";
  const source = elementAt(from, "source");
  if (source === undefined) return { kind: "none" };
  switch (type) {
    case "file":
    case "block": {
      // libvirt leaves a <source> without a path in a drive whose medium was taken out.
      const path = attributeOf(source, type === "file" ? "file" : "dev");
      return path === undefined ? { kind: "none" } : { kind: type, path };
    }
    case "volume":
      return {
        kind: "volume",
        pool: attributeOf(source, "pool") ?? "",
        volume: attributeOf(source, "volume") ?? "",
      };
    case "network":
      return {
        kind: "network",
        protocol: attributeOf(source, "protocol") ?? "",
        name: attributeOf(source, "name") ?? "",
      };
    default:
      return { kind: "other", type };
  }
}
