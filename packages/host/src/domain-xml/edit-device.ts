import { attributeOf, childElements, elementAt, formatXml, makeElement } from "@casemate/formats";
import type { Element } from "@xmldom/xmldom";
import { parseDomainXml } from "./parse-domain-xml.ts";

/** What can be changed of a NIC while its VM runs. */
export interface InterfaceChange {
  readonly source?:
    | { readonly kind: "network"; readonly network: string }
    | { readonly kind: "bridge"; readonly bridge: string };
  readonly linkUp?: boolean;
}

/** The <disk> with a target, of a definition; undefined where it has none. */
export function findDiskElement(xml: string, target: string): Element | undefined {
  return devicesOf(xml, "disk").find(
    (disk) => attributeOf(elementAt(disk, "target"), "dev") === target,
  );
}

/** The <interface> with a MAC address, of a definition; undefined where it has none. */
export function findInterfaceElement(xml: string, mac: string): Element | undefined {
  return devicesOf(xml, "interface").find(
    (nic) => attributeOf(elementAt(nic, "mac"), "address")?.toLowerCase() === mac.toLowerCase(),
  );
}

/** The drive with another medium in it, or with none, as libvirt's update takes it. */
export function withMedium(drive: Element, path: string | undefined): string {
  for (const name of ["source", "backingStore"]) {
    for (const old of childElements(drive, name)) drive.removeChild(old);
  }
  drive.setAttribute("type", "file");
  const document = drive.ownerDocument;
  if (path !== undefined && document !== null) {
    drive.appendChild(makeElement(document, "source", { file: path }));
  }
  return formatXml(drive);
}

/** The NIC on another network or bridge, or with its link up or down, as libvirt's update takes it. */
export function withInterface(nic: Element, { source, linkUp }: InterfaceChange): string {
  const document = nic.ownerDocument;
  if (document === null) return formatXml(nic);
  if (source !== undefined) {
    for (const old of childElements(nic, "source")) nic.removeChild(old);
    nic.setAttribute("type", source.kind);
    const names =
      source.kind === "network" ? { network: source.network } : { bridge: source.bridge };
    nic.appendChild(makeElement(document, "source", names));
  }
  if (linkUp !== undefined) {
    for (const old of childElements(nic, "link")) nic.removeChild(old);
    nic.appendChild(makeElement(document, "link", { state: linkUp ? "up" : "down" }));
  }
  return formatXml(nic);
}

function devicesOf(xml: string, name: string): Element[] {
  const devices = elementAt(parseDomainXml(xml), "devices");
  return devices === undefined ? [] : childElements(devices, name);
}
