import { formatXml, makeElement } from "@casemate/formats";
import { DOMImplementation } from "@xmldom/xmldom";
import { labelsElement } from "./labels-element.ts";

/** Casemate's element in a domain's <metadata>, as virDomainSetMetadata takes it: without its namespace's prefix. */
export function formatLabels(labels: readonly string[]): string {
  const document = new DOMImplementation().createDocument(null, labelsElement.name);
  const sorted = [...new Set(labels)].toSorted();
  const children = sorted.map((label) => makeElement(document, labelsElement.label, {}, label));
  return formatXml(makeElement(document, labelsElement.name, {}, ...children));
}
