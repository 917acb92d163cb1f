import { type Bytes, bytes } from "@casemate/core";
import { parseXml } from "../xml/parse-xml.ts";
import { attributeOf, childElements, elementAt, textAt } from "../xml/xml-tree.ts";
import { adapterModel, busOf, diskFormats, resourceType } from "./hardware.ts";
import type { MachineDescription, MachineDisk, MachineNic } from "./machine-description.ts";
import { malformedPackage } from "./package-error.ts";
import { isPlainName } from "./plain-name.ts";

type Element = ReturnType<typeof parseXml>;

/** HOSTILE: what a VM can have; more is nobody's VM. */
const maxName = 255;
const maxDisks = 256;
const maxNics = 64;
const maxVcpus = 4_096;
const maxMemory = 2 ** 46;
const maxCapacity = 2 ** 53 - 1;

/** OVF 1.x and 2.x. */
const envelopeNamespace = /^http:\/\/schemas\.dmtf\.org\/ovf\/envelope\/[12]$/;

/** What a descriptor says. HOSTILE: its author wrote it. */
export interface ParsedDescriptor {
  readonly machine: MachineDescription;
  /** The files it refers to, and their sizes in bytes where it states them. */
  readonly files: readonly { readonly name: string; readonly size: number | undefined }[];
}

/** Characters of a descriptor: licences in some languages are in it. */
export const maxDescriptorCharacters = 1024 * 1024;

/**
 * An OVF descriptor (DSP0243) of one VM, from whichever product.
 *
 * HOSTILE: its author wrote it. Throws `package/malformed`, also for what it may say but no importer here
 * could follow: several VMs, disks that rest on disks, files in pieces or packed.
 */
export function parseDescriptor(text: string): ParsedDescriptor {
  const root = parseXml(text, {
    what: "the package's descriptor",
    code: "package/malformed",
    maxCharacters: maxDescriptorCharacters,
  });
  if (root.localName !== "Envelope" || !envelopeNamespace.test(root.namespaceURI ?? "")) {
    throw malformedPackage(`its descriptor is a ${quoted(root.localName)}`, "an OVF envelope");
  }
  const system = elementAt(root, "VirtualSystem");
  if (
    system === undefined ||
    childElements(root, "VirtualSystem").length > 1 ||
    elementAt(root, "VirtualSystemCollection") !== undefined
  ) {
    throw malformedPackage("its descriptor does not describe one VM", "exactly one");
  }
  const hardware = elementAt(system, "VirtualHardwareSection");
  if (hardware === undefined) {
    throw malformedPackage("its VM has no hardware", "a VirtualHardwareSection");
  }
  const name = textAt(system, "Name") || attributeOf(system, "id") || "";
  if (name === "" || name.length > maxName) {
    throw malformedPackage(`its VM's name has ${name.length} characters`, `1 to ${maxName}`);
  }
  const files = parseFiles(root);
  const items = ["Item", "StorageItem", "EthernetPortItem"].flatMap((kind) =>
    childElements(hardware, kind),
  );
  const ofType = (type: number): readonly Element[] =>
    items.filter((item) => typeOf(item) === type);
  const [processor] = ofType(resourceType.processor);
  return {
    machine: {
      name,
      memory: parseMemory(ofType(resourceType.memory)),
      vcpus: numberIn(processor === undefined ? "1" : textAt(processor, "VirtualQuantity"), {
        what: "the number of CPUs",
        most: maxVcpus,
      }),
      firmware: parseFirmware(system, hardware),
      disks: parseDisks(root, items, files),
      nics: parseNics(ofType(resourceType.ethernetAdapter)),
    },
    files: [...files.values()],
  };
}

type Files = ReadonlyMap<string, { readonly name: string; readonly size: number | undefined }>;

/** References, by their ids. */
function parseFiles(root: Element): Files {
  const files = new Map<string, { name: string; size: number | undefined }>();
  for (const file of childElements(elementAt(root, "References") ?? root, "File")) {
    const id = attributeOf(file, "id") ?? "";
    const name = decoded(attributeOf(file, "href") ?? "");
    if (!isPlainName(name)) {
      throw malformedPackage(`it refers to the file ${quoted(name)}`, "one beside the descriptor");
    }
    if (id === "" || files.has(id)) {
      throw malformedPackage(`its file ${quoted(name)} has the id ${quoted(id)}`, "one of its own");
    }
    const packed = attributeOf(file, "compression") ?? "";
    if ((packed !== "" && packed !== "identity") || attributeOf(file, "chunkSize") !== undefined) {
      throw malformedPackage(`its file ${quoted(name)} is packed or in pieces`, "it as it is");
    }
    const size = attributeOf(file, "size");
    const stated =
      size === undefined ? undefined : numberIn(size, { what: "a file's size", least: 0 });
    files.set(id, { name, size: stated });
  }
  return files;
}

/** A reference is a URI: products write a space as %20. */
function decoded(href: string): string {
  try {
    return decodeURIComponent(href);
  } catch {
    return href; // no URI, so the name itself
  }
}

function parseMemory(items: readonly Element[]): Bytes {
  let total = 0;
  for (const item of items) {
    const quantity = numberIn(textAt(item, "VirtualQuantity"), { what: "the memory" });
    // Megabytes of old are mebibytes.
    total += quantity * unitsIn(textAt(item, "AllocationUnits") ?? "byte * 2^20");
  }
  if (total > 0 && total <= maxMemory) return bytes(total);
  throw malformedPackage(`its VM has ${total} bytes of memory`, `1 to ${maxMemory}`);
}

/** No standard says it: VMware's and VirtualBox's own elements do. */
function parseFirmware(system: Element, hardware: Element): "bios" | "efi" {
  const config = ["Config", "ExtraConfig"]
    .flatMap((kind) => childElements(hardware, kind))
    .find((one) => attributeOf(one, "key") === "firmware");
  const box =
    elementAt(system, "Machine", "Hardware", "Firmware") ??
    elementAt(system, "Machine", "Firmware");
  return /^efi/i.test(attributeOf(config, "value") ?? attributeOf(box, "type") ?? "")
    ? "efi"
    : "bios";
}

/** The disks that the VM has, in the order of its hardware. */
function parseDisks(root: Element, items: readonly Element[], files: Files): MachineDisk[] {
  const section = elementAt(root, "DiskSection");
  const stated = new Map<string, Element>();
  for (const disk of section === undefined ? [] : childElements(section, "Disk")) {
    const id = attributeOf(disk, "diskId") ?? "";
    if (id === "" || stated.has(id)) {
      throw malformedPackage(`a disk has the id ${quoted(id)}`, "one of its own");
    }
    stated.set(id, disk);
  }
  const buses = new Map<string, MachineDisk["bus"]>();
  for (const item of items) {
    const bus = busOf(typeOf(item), textAt(item, "ResourceSubType") ?? "");
    const instance = textAt(item, "InstanceID");
    if (bus !== undefined && instance !== undefined) buses.set(instance, bus);
  }
  const disks = items
    .filter((item) => typeOf(item) === resourceType.diskDrive)
    .map((item): MachineDisk => {
      const resource = textAt(item, "HostResource") ?? "";
      const id = /^(?:ovf:)?\/?disk\/(.+)$/.exec(resource)?.[1] ?? "";
      const disk = stated.get(id);
      if (disk === undefined) {
        throw malformedPackage(`a drive is for ${quoted(resource)}`, "a disk of the package");
      }
      const bus = buses.get(textAt(item, "Parent") ?? "") ?? "sata";
      return { ...parseDisk(disk, id, files), bus };
    });
  if (disks.length > maxDisks || new Set(disks.map(({ id }) => id)).size < disks.length) {
    throw malformedPackage(
      `its VM has ${disks.length} drives, some for one disk`,
      `${maxDisks} at most, each its own`,
    );
  }
  return disks;
}

function parseDisk(disk: Element, id: string, files: Files): Omit<MachineDisk, "bus"> {
  if (attributeOf(disk, "parentRef") !== undefined) {
    throw malformedPackage(`its disk ${quoted(id)} rests on another`, "whole disks");
  }
  const reference = attributeOf(disk, "fileRef");
  const file = reference === undefined ? undefined : files.get(reference);
  if (reference !== undefined && file === undefined) {
    throw malformedPackage(`disk ${quoted(id)} is in ${quoted(reference)}`, "a file it refers to");
  }
  const quantity = numberIn(attributeOf(disk, "capacity"), { what: "a disk's capacity" });
  const capacity = quantity * unitsIn(attributeOf(disk, "capacityAllocationUnits") ?? "byte");
  if (capacity > maxCapacity) {
    throw malformedPackage(`disk ${quoted(id)} has ${capacity} bytes`, `at most ${maxCapacity}`);
  }
  return { id, file: file?.name, capacity: bytes(capacity), format: formatOf(disk) };
}

function formatOf(disk: Element): MachineDisk["format"] {
  const uri = attributeOf(disk, "format") ?? "";
  for (const format of ["vmdk", "qcow2", "raw"] as const) {
    if (diskFormats[format].pattern.test(uri)) return format;
  }
  return "unknown";
}

function parseNics(items: readonly Element[]): MachineNic[] {
  if (items.length > maxNics) {
    throw malformedPackage(`its VM has ${items.length} adapters`, `at most ${maxNics}`);
  }
  return items.map((item) => {
    const mac = textAt(item, "Address")?.toLowerCase().replaceAll("-", ":");
    return {
      network: textAt(item, "Connection") ?? "",
      model: adapterModel(textAt(item, "ResourceSubType") ?? ""),
      mac: mac !== undefined && /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(mac) ? mac : undefined,
    };
  });
}

function typeOf(item: Element): number {
  return Number(textAt(item, "ResourceType") ?? Number.NaN);
}

/** How many bytes a programmatic unit (DSP0004, annex C) or a word of old is. */
function unitsIn(text: string): number {
  const [, base = "", exponent = ""] =
    /^byte(?:s)?(?:\s*\*\s*(2|10)\s*\^\s*(\d{1,2}))?$/i.exec(text.trim()) ?? [];
  if (base !== "") return Number(base) ** Number(exponent);
  const words: Readonly<Record<string, number>> = {
    ...{ byte: 1, bytes: 1, kilobytes: 2 ** 10, megabytes: 2 ** 20, gigabytes: 2 ** 30 },
    ...{ kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30 },
  };
  const found = Object.entries(words).find(([word]) => word === text.trim().toLowerCase());
  if (found !== undefined) return found[1];
  throw malformedPackage(`its descriptor counts in ${quoted(text)}`, "bytes");
}

function numberIn(
  text: string | undefined,
  { what, least = 1, most = maxCapacity }: { what: string; least?: number; most?: number },
): number {
  const value = /^\d{1,16}$/.test(text ?? "") ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw malformedPackage(`${what} is ${quoted(text ?? "not stated")}`, `${least} to ${most}`);
}

function quoted(text: string | null): string {
  return JSON.stringify((text ?? "").slice(0, 100));
}
