import { createHash } from "node:crypto";
import { attributeOf, childElements } from "@casemate/formats";
import type { Element } from "@xmldom/xmldom";

/** Attributes that only a running VM's definition has, by the element that carries them. */
const liveAttributes: Readonly<Record<string, readonly string[]>> = {
  domain: ["id"],
  source: ["index"],
  console: ["tty"],
  serial: ["tty"],
};

/** Elements that libvirt fills in when a VM starts. */
const liveElements = new Set(["backingStore", "mirror", "imagelabel", "resource"]);

/**
 * SHA-256, hex, of what a definition says: the same however libvirt writes it down, for it leaves out
 * order between unlike elements, space, comments, and what a running VM alone has (ids, aliases, taps,
 * device addresses, chosen ports and ttys).
 */
export function digestDomain(domain: Element): string {
  return createHash("sha256").update(canonical(domain)).digest("hex");
}

function canonical(element: Element): string {
  const name = element.localName ?? "";
  const live = liveAttributes[name] ?? [];
  const attributes = Array.from(element.attributes)
    .filter((attribute) => attribute.prefix !== "xmlns" && attribute.name !== "xmlns")
    .filter((attribute) => !live.includes(attribute.localName ?? ""))
    .filter((attribute) => !isChosen(element, attribute.localName ?? ""))
    .map((attribute) => [attribute.localName, attribute.value]);
  const children = childElements(element)
    .filter((child) => !isLive(child))
    .map((child) => ({ place: placeOf(child), text: canonical(child) }))
    // Stable: disks stay in their order, and before them may stand what libvirt likes.
    .toSorted((a, b) => compare(a.place, b.place))
    .map(({ text }) => text);
  const text = childElements(element).length === 0 ? (element.textContent ?? "").trim() : "";
  return JSON.stringify([
    element.namespaceURI ?? "",
    name,
    attributes.toSorted(([a], [b]) => compare(a ?? "", b ?? "")),
    children,
    text,
  ]);
}

/** What children are ordered by. Controllers have numbers of their own, and libvirt orders them anew when a VM starts. */
function placeOf(element: Element): string {
  const name = element.localName ?? "";
  if (name !== "controller") return name;
  const index = (attributeOf(element, "index") ?? "").padStart(6, "0");
  return `${name} ${attributeOf(element, "type") ?? ""} ${index}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isLive(element: Element): boolean {
  const name = element.localName ?? "";
  if (liveElements.has(name)) return true;
  const parent = element.parentElement;
  const device = parent?.parentElement?.localName === "devices" ? parent.localName : undefined;
  if (device === undefined) {
    return name === "seclabel" && attributeOf(element, "type") === "dynamic";
  }
  // libvirt's own aliases; a user's begin with "ua-".
  if (name === "alias") return !(attributeOf(element, "name") ?? "").startsWith("ua-");
  // A device's place on the guest's bus; a host device's stands inside its <source>.
  if (name === "address") return true;
  return (
    (device === "interface" &&
      name === "target" &&
      /^(?:vnet|macvtap)\d+$/.test(attributeOf(element, "dev") ?? "")) ||
    // Chosen when it starts.
    (name === "source" && attributeOf(parent ?? undefined, "type") === "pty")
  );
}

function isChosen(element: Element, attribute: string): boolean {
  return (
    element.localName === "graphics" &&
    ["port", "tlsPort", "websocket"].includes(attribute) &&
    attributeOf(element, "autoport") === "yes"
  );
}
