import { CasemateError } from "@casemate/core";
import {
  attributeOf,
  childElements,
  elementAt,
  formatXml,
  makeElement,
  parseXml,
  textAt,
} from "@casemate/formats";
import type { DerivedIdentity } from "./derive-identity.ts";
import { refused } from "./refused.ts";

/**
 * A definition as somebody wrote it, with what it leaves to chance decided: its UUID and the addresses of
 * its interfaces, so that the same request gives the same VM.
 *
 * HOSTILE: its author wrote it. Throws `definition/malformed`, and `operation/refused` where it holds a
 * password or has QEMU be told things past libvirt.
 */
export function prepareDefinition(
  xml: string,
  identity: DerivedIdentity,
  taken: ReadonlySet<string>,
): string {
  const domain = parseXml(xml, {
    what: "a VM's definition",
    code: "definition/malformed",
    maxCharacters: 512 * 1024,
  });
  if (domain.localName !== "domain") {
    throw new CasemateError(
      "definition/malformed",
      `Cannot define a VM: the root is <${domain.localName}>, expected <domain>.`,
    );
  }
  const name = textAt(domain, "name") ?? "";
  const doing = `define ${name || "a VM"}`;
  const devices = elementAt(domain, "devices");
  for (const screen of devices === undefined ? [] : childElements(devices, "graphics")) {
    if (attributeOf(screen, "passwd") !== undefined) {
      throw refused(
        doing,
        "its definition holds a password, which would stay in the ledger",
        "none",
      );
    }
  }
  for (const child of childElements(domain)) {
    if (child.namespaceURI?.startsWith("http://libvirt.org/schemas/domain/") === true) {
      throw refused(
        doing,
        `it tells the hypervisor things past libvirt (${child.nodeName})`,
        "libvirt's own elements",
      );
    }
  }
  const document = domain.ownerDocument;
  if (document === null) return xml;
  if (!textAt(domain, "uuid")) {
    domain.appendChild(makeElement(document, "uuid", {}, identity.uuid));
  }
  const nics = devices === undefined ? [] : childElements(devices, "interface");
  for (const [index, nic] of nics.entries()) {
    if (attributeOf(elementAt(nic, "mac"), "address") !== undefined) continue;
    nic.appendChild(makeElement(document, "mac", { address: identity.mac(index, taken) }));
  }
  return formatXml(domain);
}
