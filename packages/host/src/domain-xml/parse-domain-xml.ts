import { CasemateError } from "@casemate/core";
import { parseXml } from "@casemate/formats";
import type { Element } from "@xmldom/xmldom";

/** libvirt's own definitions have a few ten thousand characters. */
const maxCharacters = 1024 * 1024;

/**
 * The <domain> of a definition.
 *
 * HOSTILE: whoever defined the VM wrote it. Throws `definition/malformed`.
 */
export function parseDomainXml(xml: string): Element {
  const limits = {
    what: "a VM's definition",
    code: "definition/malformed",
    maxCharacters,
  } as const;
  const root = parseXml(xml, limits);
  if (root.localName === "domain") return root;
  throw new CasemateError(
    "definition/malformed",
    `Cannot read a VM's definition: its root is <${root.localName}>, expected <domain>.`,
  );
}
