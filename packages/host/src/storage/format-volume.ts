import type { Bytes } from "@casemate/core";
import { attributeOf, elementAt, formatXml, makeElement, parseXml } from "@casemate/formats";
import { DOMImplementation } from "@xmldom/xmldom";

/** A volume to be made, as virStorageVolCreateXML takes it. */
export function formatVolume(volume: {
  readonly name: string;
  readonly capacity: Bytes;
  readonly format: string | undefined;
}): string {
  const { name, capacity, format } = volume;
  const document = new DOMImplementation().createDocument(null, "volume");
  const make = makeElement.bind(undefined, document);
  return formatXml(
    make(
      "volume",
      {},
      make("name", {}, name),
      make("capacity", { unit: "bytes" }, String(capacity)),
      format === undefined ? undefined : make("target", {}, make("format", { type: format })),
    ),
  );
}

/** The format that a volume's XML states; a block device's states none. Throws `definition/malformed`. */
export function volumeFormat(xml: string): string | undefined {
  const limits = {
    what: "a volume",
    code: "definition/malformed",
    maxCharacters: 256 * 1024,
  } as const;
  return attributeOf(elementAt(parseXml(xml, limits), "target", "format"), "type");
}
