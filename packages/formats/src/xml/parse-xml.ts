import { CasemateError, type ErrorCode } from "@casemate/core";
import { DOMParser, type Element, MIME_TYPE } from "@xmldom/xmldom";

/** Elements inside elements: libvirt's and OVF's documents have a dozen levels. */
const maxDepth = 64;

export interface XmlLimits {
  /** What the document is, for errors. */
  readonly what: string;
  /** The error that a bad document becomes. */
  readonly code: ErrorCode;
  readonly maxCharacters: number;
}

/**
 * The root element of an XML document without document type, so that no entity is ever expanded.
 *
 * HOSTILE: whoever sent the document wrote it. Throws `limits.code`.
 */
export function parseXml(text: string, limits: XmlLimits): Element {
  if (text.length > limits.maxCharacters) {
    throw malformed(
      limits,
      `it has ${text.length} characters, expected at most ${limits.maxCharacters}`,
    );
  }
  if (/<!(?:DOCTYPE|ENTITY)/i.test(text)) {
    throw malformed(limits, "it declares a document type, expected none");
  }
  verifyDepth(text, limits);
  let root: Element | null;
  try {
    const onError = (_level: string, words: string): void => {
      // U+FFFD is a character of XML's (XML 1.0, 2.2).
      if (!words.startsWith("Unicode replacement character")) throw new Error(words);
    };
    const parser = new DOMParser({ locator: false, onError });
    root = parser.parseFromString(text, MIME_TYPE.XML_TEXT).documentElement;
  } catch (cause) {
    const words = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
    throw malformed(limits, `${words.slice(0, 200)}, expected well-formed XML`, cause);
  }
  if (root === null) throw malformed(limits, "it is empty, expected an element");
  return root;
}

/** What is no element, and how it ends: tags inside of it are text. */
const sections: readonly (readonly [string, string])[] = [
  ["<!--", "-->"],
  ["<![CDATA[", "]]>"],
  ["<?", "?>"],
];

/** Counts tags before the parser sees them: what works on the tree is recursive. */
function verifyDepth(text: string, limits: XmlLimits): void {
  let depth = 0;
  for (let at = text.indexOf("<"); at >= 0; at = text.indexOf("<", at)) {
    const end = endOfMarkup(text, at);
    if (end < 0) throw malformed(limits, "its markup does not end, expected well-formed XML");
    if (text.startsWith("</", at)) depth -= 1;
    else if (!isSection(text, at) && text[end - 2] !== "/") depth += 1;
    if (depth > maxDepth) {
      throw malformed(limits, `its elements are nested, expected at most ${maxDepth} levels`);
    }
    at = end;
  }
}

function isSection(text: string, at: number): boolean {
  return sections.some(([start]) => text.startsWith(start, at));
}

/** Where the markup that begins at `at` ends; negative where it does not. */
function endOfMarkup(text: string, at: number): number {
  const section = sections.find(([start]) => text.startsWith(start, at));
  if (section !== undefined) {
    const [start, last] = section;
    const found = text.indexOf(last, at + start.length);
    return found < 0 ? -1 : found + last.length;
  }
  let quote = "";
  for (let index = at + 1; index < text.length; index += 1) {
    const character = text[index] ?? "";
    if (quote !== "") quote = character === quote ? "" : quote;
    else if (character === ">") return index + 1;
    else if (character === '"' || character === "'") quote = character;
  }
  return -1;
}

function malformed({ code, what }: XmlLimits, seen: string, cause?: unknown): CasemateError {
  return new CasemateError(
    code,
    `Cannot read ${what}: ${seen}.`,
    cause === undefined ? {} : { cause },
  );
}
