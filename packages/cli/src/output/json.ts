import { apiVersion } from "@casemate/core";

/** A document of `kind` as JSON text, its last line ended. */
export function renderJson(kind: string, fields: object): string {
  return renderValue({ apiVersion, kind, ...fields });
}

/**
 * A value as JSON text, its last line ended.
 *
 * HOSTILE: values may hold what steers a terminal; JSON's own escapes stand in its place.
 */
export function renderValue(value: object): string {
  return harmless(JSON.stringify(value, keepNumbers, 2));
}

/** As `renderValue`, in one line. */
export function renderLine(value: object): string {
  return harmless(JSON.stringify(value, keepNumbers));
}

function harmless(text: string): string {
  // Most are plain, and Unicode's classes take as long to compile as a small answer to make.
  return `${plain.test(text) ? text : text.replaceAll(steering, escapeUnit)}\n`;
}

/** Printable ASCII and ends of lines. */
const plain = /^[\n -~]*$/;
/** What JSON.stringify lets through though a terminal acts on it; line ends are JSON's own. */
const steering = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu;

function escapeUnit(character: string): string {
  return Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
  ).join("");
}

/** 64-bit numbers that a double cannot hold are text, as everywhere in Casemate's JSON. */
function keepNumbers(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
