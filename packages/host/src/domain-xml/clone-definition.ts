import { CasemateError } from "@casemate/core";
import { attributeOf, childElements, elementAt, formatXml, makeElement } from "@casemate/formats";
import type { Element } from "@xmldom/xmldom";
import { describeSource } from "./describe-disk.ts";
import { describeLabels } from "./describe-labels.ts";
import { labelsElement } from "./labels-element.ts";
import { parseDomainXml } from "./parse-domain-xml.ts";

/** What makes a clone another machine than its source. */
export interface CloneIdentity {
  readonly uuid: string;
  readonly name: string;
  /** A new address for each NIC, by the old one. */
  readonly macs: Readonly<Record<string, string>>;
  /** A new file for each disk that the clone has of its own, by target; the others must be read-only. */
  readonly disks: Readonly<
    Record<string, { readonly path: string; readonly format: "raw" | "qcow2" }>
  >;
  /** The clone's own copy of the EFI variables, where the source has a file of them. */
  readonly nvram?: string;
  /** What policies know the clone by, beside the labels of its definition. */
  readonly labels?: readonly string[];
}

/**
 * The inactive definition of a VM made into a clone's: a new UUID, name, MAC addresses, disks and EFI
 * variables; libvirt chooses a new generation id; the TPM starts empty because libvirt keeps its state by
 * UUID; what was chosen for the source's run (ports, taps, sockets of the old name, aliases) is dropped.
 *
 * Throws `definition/malformed` where an identity is left over: a NIC or a writable disk without a new
 * one, host devices, a TPM whose state lies elsewhere.
 */
export function cloneDefinition(xml: string, identity: CloneIdentity): string {
  const domain = parseDomainXml(xml);
  domain.removeAttribute("id");
  setText(domain, "uuid", identity.uuid);
  setText(domain, "name", identity.name);
  renewGenid(domain);
  renewSysinfo(domain, identity.uuid);
  renewNvram(domain, identity);
  addLabels(domain, identity);
  const devices = elementAt(domain, "devices");
  if (devices !== undefined) {
    if (elementAt(devices, "hostdev") !== undefined) {
      throw leftOver("it has devices of the host", "none: two VMs cannot share them");
    }
    for (const disk of childElements(devices, "disk")) renewDisk(disk, identity);
    for (const nic of childElements(devices, "interface")) renewNic(nic, identity);
    for (const device of childElements(devices)) renewDevice(device);
  }
  return formatXml(domain);
}

function setText(parent: Element, name: string, text: string): void {
  const element = elementAt(parent, name);
  const document = parent.ownerDocument;
  if (element !== undefined) element.textContent = text;
  else if (document !== null) parent.appendChild(makeElement(document, name, {}, text));
}

/** An empty <genid/> has libvirt choose one at define: Windows and virtual machines of databases go by it. */
function renewGenid(domain: Element): void {
  const genid = elementAt(domain, "genid");
  if (genid !== undefined) genid.textContent = "";
}

/** The SMBIOS UUID must be the domain's own; serial numbers are the old machine's. */
function renewSysinfo(domain: Element, uuid: string): void {
  for (const sysinfo of childElements(domain, "sysinfo")) {
    for (const section of childElements(sysinfo)) {
      for (const entry of childElements(section, "entry")) {
        const name = attributeOf(entry, "name");
        if (name === "uuid") entry.textContent = uuid;
        if (name === "serial") section.removeChild(entry);
      }
    }
  }
}

function renewNvram(domain: Element, { nvram }: CloneIdentity): void {
  const element = elementAt(domain, "os", "nvram");
  if (element === undefined) return;
  const source = elementAt(element, "source");
  const old = attributeOf(source, "file") ?? element.textContent?.trim();
  if (nvram === undefined) {
    if (!old) return; // libvirt names a new file itself
    throw leftOver(`it has EFI variables in ${old}`, "a copy of them for the clone");
  }
  if (source !== undefined) source.setAttribute("file", nvram);
  else element.textContent = nvram;
}

function addLabels(domain: Element, { labels = [] }: CloneIdentity): void {
  const { namespace, prefix, name, label: child } = labelsElement;
  const document = domain.ownerDocument;
  const missing = labels.filter((label) => !describeLabels(domain).includes(label));
  if (document === null || missing.length === 0) return;
  const metadata = elementAt(domain, "metadata") ?? makeElement(document, "metadata");
  domain.appendChild(metadata);
  // libvirt takes one element of a namespace.
  const ours =
    childElements(metadata, name).find((each) => each.namespaceURI === namespace) ??
    document.createElementNS(namespace, `${prefix}:${name}`);
  metadata.appendChild(ours);
  for (const label of missing) {
    const element = document.createElementNS(namespace, `${prefix}:${child}`);
    element.textContent = label;
    ours.appendChild(element);
  }
}

function renewDisk(disk: Element, { disks }: CloneIdentity): void {
  const target = attributeOf(elementAt(disk, "target"), "dev") ?? "";
  const fresh = disks[target];
  const shared =
    elementAt(disk, "readonly") !== undefined || attributeOf(disk, "device") === "cdrom";
  if (fresh === undefined) {
    if (shared || describeSource(disk).kind === "none") return;
    throw leftOver(`its disk ${target} is writable`, "an image of the clone's own for it");
  }
  for (const name of ["source", "backingStore", "mirror", "wwn", "serial", "auth"]) {
    for (const old of childElements(disk, name)) disk.removeChild(old);
  }
  const document = disk.ownerDocument;
  if (document === null) return;
  disk.setAttribute("type", "file");
  disk.appendChild(makeElement(document, "source", { file: fresh.path }));
  const driver = elementAt(disk, "driver");
  if (driver !== undefined) driver.setAttribute("type", fresh.format);
  else disk.appendChild(makeElement(document, "driver", { name: "qemu", type: fresh.format }));
}

function renewNic(nic: Element, { macs }: CloneIdentity): void {
  const mac = elementAt(nic, "mac");
  const old = attributeOf(mac, "address")?.toLowerCase() ?? "";
  const fresh = macs[old];
  if (fresh === undefined || mac === undefined) {
    throw leftOver(`its NIC ${old} has no new address`, "one for each NIC");
  }
  mac.setAttribute("address", fresh);
  // A tap, a port of a switch: one VM's.
  for (const name of ["target", "virtualport"]) {
    for (const old of childElements(nic, name)) nic.removeChild(old);
  }
}

function renewDevice(device: Element): void {
  for (const alias of childElements(device, "alias")) device.removeChild(alias);
  switch (device.localName) {
    case "graphics":
      if (attributeOf(device, "port") !== undefined) {
        device.removeAttribute("port");
        device.removeAttribute("tlsPort");
        device.setAttribute("autoport", "yes");
      }
      return;
    case "serial":
    case "console":
    case "channel":
    case "parallel": {
      // A file or socket of the host cannot be two VMs'; a pty is chosen at the start.
      device.removeAttribute("tty");
      const type = attributeOf(device, "type");
      if (type === "pty" || type === "unix" || type === "file") {
        for (const source of childElements(device, "source")) device.removeChild(source);
        if (type !== "pty" && device.localName !== "channel") device.setAttribute("type", "pty");
      }
      return;
    }
    case "tpm": {
      const backend = elementAt(device, "backend");
      if (attributeOf(backend, "type") !== "emulator" || elementAt(device, "backend", "source")) {
        throw leftOver("its TPM's state is not libvirt's to keep", "an emulator of its own");
      }
      return;
    }
    default:
      return;
  }
}

function leftOver(seen: string, needed: string): CasemateError {
  return new CasemateError(
    "definition/malformed",
    `Cannot make a clone's definition: ${seen}, expected ${needed}.`,
  );
}
