import { childElements, elementAt } from "@casemate/formats";
import type { Element } from "@xmldom/xmldom";
import { labelsElement } from "./labels-element.ts";

/** The labels that policies know a domain by. */
export function describeLabels(domain: Element): string[] {
  const metadata = elementAt(domain, "metadata");
  const ours = metadata === undefined ? [] : childElements(metadata, labelsElement.name);
  return ours
    .filter((element) => element.namespaceURI === labelsElement.namespace)
    .flatMap((element) => childElements(element, labelsElement.label))
    .map((label) => label.textContent?.trim() ?? "")
    .filter((label) => label !== "")
    .toSorted();
}
