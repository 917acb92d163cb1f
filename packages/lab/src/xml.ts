import { CasemateError } from "@casemate/core";

/** An XML element; a string among the children is text. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly children: readonly (XmlElement | string)[];
}

export function element(
  name: string,
  attributes: XmlElement["attributes"] = {},
  ...children: XmlElement["children"]
): XmlElement {
  return { name, attributes, children };
}

/** The element as a document, two spaces a level; an element with text stands on one line. */
export function formatXml(root: XmlElement, indent = ""): string {
  const attributes = Object.entries(root.attributes)
    .map(([name, value]) => ` ${name}="${escapeXml(String(value))}"`)
    .join("");
  const open = `${indent}<${root.name}${attributes}`;
  if (root.children.length === 0) return `${open}/>\n`;
  if (root.children.some((child) => typeof child === "string")) {
    const inner = root.children.map((child) =>
      typeof child === "string" ? escapeXml(child) : formatXml(child).trimEnd(),
    );
    return `${open}>${inner.join("")}</${root.name}>\n`;
  }
  const inner = root.children.map((child) =>
    typeof child === "string" ? "" : formatXml(child, `${indent}  `),
  );
  return `${open}>\n${inner.join("")}${indent}</${root.name}>\n`;
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};

/** Text as it may stand in an element or a quoted attribute. Throws `internal` for what XML 1.0 cannot hold. */
function escapeXml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(text) || !text.isWellFormed()) {
    throw new CasemateError(
      "internal",
      `Cannot write ${JSON.stringify(text)} as XML: it holds a character that XML has not.`,
    );
  }
  return text.replace(/[&<>"'\t\n\r]/g, (character) => entities[character] ?? character);
}
