import { type Bytes, bytes } from "@casemate/core";
import { attributeOf, childElements, elementAt, textAt } from "@casemate/formats";
import type { Element } from "@xmldom/xmldom";
import { describeDisk } from "./describe-disk.ts";
import { describeLabels } from "./describe-labels.ts";
import type {
  DefinitionDescription,
  DomainConsole,
  DomainFirmware,
  DomainGraphics,
  DomainNic,
  DomainTpm,
} from "./domain-description.ts";
import { digestDomain } from "./domain-digest.ts";
import { parseDomainXml } from "./parse-domain-xml.ts";

/** What a domain's definition says. HOSTILE: its author wrote it. Throws `definition/malformed`. */
export function describeDomain(xml: string): DefinitionDescription {
  const domain = parseDomainXml(xml);
  const type = elementAt(domain, "os", "type");
  const devices = (name: string): Element[] => {
    const all = elementAt(domain, "devices");
    return all === undefined ? [] : childElements(all, name);
  };
  const memory = sizeAt(domain, "memory") ?? bytes(0);
  const vcpu = elementAt(domain, "vcpu");
  const maxVcpus = numberOf(vcpu?.textContent) ?? 1;
  const kernel = textAt(domain, "os", "kernel");
  return {
    uuid: (textAt(domain, "uuid") ?? "").toLowerCase(),
    name: textAt(domain, "name") ?? "",
    title: textAt(domain, "title"),
    type: attributeOf(domain, "type") ?? "",
    arch: attributeOf(type, "arch"),
    machine: attributeOf(type, "machine"),
    memory: sizeAt(domain, "currentMemory") ?? memory,
    maxMemory: memory,
    slotsMemory: sizeAt(domain, "maxMemory"),
    vcpus: numberOf(attributeOf(vcpu, "current")) ?? maxVcpus,
    maxVcpus,
    disks: devices("disk").map(describeDisk),
    nics: devices("interface").map(describeNic),
    graphics: devices("graphics").map(describeGraphics),
    consoles: [
      ...devices("serial").map((device) => describeConsole("serial", device)),
      ...devices("console").map((device) => describeConsole("console", device)),
    ],
    firmware: describeFirmware(domain),
    tpm: describeTpm(devices("tpm")[0]),
    genid: elementAt(domain, "genid") === undefined ? undefined : textAt(domain, "genid") || "auto",
    hostDevices: devices("hostdev").length,
    directBoot:
      kernel === undefined ? undefined : { kernel, initrd: textAt(domain, "os", "initrd") },
    labels: describeLabels(domain),
    digest: digestDomain(domain),
  };
}

function numberOf(text: string | null | undefined): number | undefined {
  return text !== undefined && text !== null && /^\s*\d{1,15}\s*$/.test(text)
    ? Number(text)
    : undefined;
}

/** libvirt's units (docs/formatdomain: memory): KiB where there is none, powers of ten without "i". */
const units: Readonly<Record<string, number>> = {
  b: 1,
  bytes: 1,
  KB: 1e3,
  k: 1024,
  KiB: 1024,
  MB: 1e6,
  M: 1024 ** 2,
  MiB: 1024 ** 2,
  GB: 1e9,
  G: 1024 ** 3,
  GiB: 1024 ** 3,
  TB: 1e12,
  T: 1024 ** 4,
  TiB: 1024 ** 4,
};

function sizeAt(domain: Element, name: string): Bytes | undefined {
  const element = elementAt(domain, name);
  const value = numberOf(element?.textContent);
  const unit = units[attributeOf(element, "unit") ?? "KiB"];
  return value === undefined || unit === undefined ? undefined : bytes(value * unit);
}

function describeNic(nic: Element): DomainNic {
  const type = attributeOf(nic, "type") ?? "";
  const source = elementAt(nic, "source");
  return {
    mac: (attributeOf(elementAt(nic, "mac"), "address") ?? "").toLowerCase(),
    source:
      type === "network"
        ? { kind: "network", network: attributeOf(source, "network") ?? "" }
        : type === "bridge"
          ? { kind: "bridge", bridge: attributeOf(source, "bridge") ?? "" }
          : { kind: "other", type },
    model: attributeOf(elementAt(nic, "model"), "type"),
    tap: attributeOf(elementAt(nic, "target"), "dev"),
    filter: attributeOf(elementAt(nic, "filterref"), "filter"),
    linkUp: attributeOf(elementAt(nic, "link"), "state") !== "down",
  };
}

function describeGraphics(graphics: Element): DomainGraphics {
  const port = Number(attributeOf(graphics, "port") ?? "-1");
  return {
    type: attributeOf(graphics, "type") ?? "",
    listen:
      attributeOf(graphics, "listen") ?? attributeOf(elementAt(graphics, "listen"), "address"),
    port: port > 0 ? port : undefined,
  };
}

function describeConsole(kind: DomainConsole["kind"], device: Element): DomainConsole {
  return {
    kind,
    alias: attributeOf(elementAt(device, "alias"), "name"),
    type: attributeOf(device, "type") ?? "",
    path: attributeOf(elementAt(device, "source"), "path"),
    port: Number(attributeOf(elementAt(device, "target"), "port") ?? "0"),
  };
}

function describeFirmware(domain: Element): DomainFirmware {
  const loader = elementAt(domain, "os", "loader");
  const efi =
    attributeOf(elementAt(domain, "os"), "firmware") === "efi" ||
    attributeOf(loader, "type") === "pflash";
  const nvram = elementAt(domain, "os", "nvram");
  return {
    kind: efi ? "efi" : "bios",
    loader: loader?.textContent?.trim() || undefined,
    nvram:
      attributeOf(elementAt(domain, "os", "nvram", "source"), "file") ??
      (nvram?.textContent?.trim() || undefined),
    secureBoot: attributeOf(loader, "secure") === "yes",
  };
}

function describeTpm(tpm: Element | undefined): DomainTpm | undefined {
  if (tpm === undefined) return undefined;
  const backend = elementAt(tpm, "backend");
  return {
    model: attributeOf(tpm, "model") ?? "",
    backend: attributeOf(backend, "type") ?? "",
    version: attributeOf(backend, "version"),
  };
}
