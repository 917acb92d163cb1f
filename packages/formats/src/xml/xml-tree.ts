import { type Document, type Element, type Node, XMLSerializer } from "@xmldom/xmldom";

const ELEMENT_NODE = 1;

function isElement(node: Node): node is Element {
  return node.nodeType === ELEMENT_NODE;
}

/** The child elements, or those with this local name, in the document's order. */
export function childElements(parent: Element, name?: string): Element[] {
  const found: Element[] = [];
  for (let node = parent.firstChild; node !== null; node = node.nextSibling) {
    if (isElement(node) && (name === undefined || node.localName === name)) found.push(node);
  }
  return found;
}

/** The first element down a path of local names: `elementAt(domain, "os", "loader")`. */
export function elementAt(from: Element, ...path: readonly string[]): Element | undefined {
  let at: Element | undefined = from;
  for (const name of path) at = at === undefined ? undefined : childElements(at, name)[0];
  return at;
}

/** The text of the element down a path, trimmed; undefined where the element is not there. */
export function textAt(from: Element, ...path: readonly string[]): string | undefined {
  return elementAt(from, ...path)?.textContent?.trim();
}

/** An attribute by its local name, whatever its namespace's prefix; undefined where it is not there. */
export function attributeOf(element: Element | undefined, name: string): string | undefined {
  if (element === undefined) return undefined;
  for (let index = 0; index < element.attributes.length; index += 1) {
    const attribute = element.attributes.item(index);
    if (attribute?.localName === name) return attribute.value;
  }
  return undefined;
}

/** A new element of the document; a string among the children is text, an attribute of undefined is left out. */
export function makeElement(
  document: Document,
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>> = {},
  ...children: readonly (Element | string | undefined)[]
): Element {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(key, String(value));
  }
  for (const child of children) {
    if (child === undefined) continue;
    made.appendChild(typeof child === "string" ? document.createTextNode(child) : child);
  }
  return made;
}

/** The element as text. Throws where it holds a character that XML cannot. */
export function formatXml(element: Element): string {
  return new XMLSerializer().serializeToString(element, { requireWellFormed: true });
}
