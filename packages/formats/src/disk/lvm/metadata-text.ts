import { damaged } from "./lvm-error.ts";

/** What stands behind a `=`: a number, a text, or a list of them. */
export type MetadataValue = number | string | readonly (number | string)[];

/** A section of LVM2's text: its values and the sections in it, by name. */
export interface MetadataSection {
  readonly values: ReadonlyMap<string, MetadataValue>;
  readonly sections: ReadonlyMap<string, MetadataSection>;
}

/** LVM2 itself writes four levels of sections. */
const MAX_DEPTH = 8;
const TOKEN =
  /[ \t\r\n]+|#[^\n]*|(?<text>"(?:[^"\\]|\\.)*")|(?<number>-?[0-9]+(?![\w.]))|(?<name>[A-Za-z0-9_.+-]+)|(?<mark>[{}=[\],])/sy;

type Token =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "mark"; readonly mark: string };

/**
 * Parses the text that LVM2 keeps its metadata in (lvm2, lib/config; vgcfgbackup(8)). Throws `disk/damaged`.
 *
 * HOSTILE: whoever could write the disk; the caller has bounded its length, and so how many sections it has.
 */
export function parseMetadataText(text: string): MetadataSection {
  const tokens = walkTokens(text);
  const values = new Map<string, MetadataValue>();
  const sections = new Map<string, MetadataSection>();
  const top = { values, sections };
  const open: { readonly values: typeof values; readonly sections: typeof sections }[] = [top];
  for (let token = next(tokens); token !== undefined; token = next(tokens)) {
    const section = open.at(-1);
    if (section === undefined) throw wrong("} without {");
    if (token.kind === "mark" && token.mark === "}") {
      open.pop();
      continue;
    }
    // A volume group's name may be digits only.
    const name =
      token.kind === "name"
        ? token.name
        : token.kind === "number"
          ? String(token.value)
          : undefined;
    const mark = next(tokens);
    if (name === undefined || mark?.kind !== "mark") throw wrong(show(token));
    if (section.values.has(name) || section.sections.has(name)) throw wrong(`${name} twice`);
    if (mark.mark === "=") {
      section.values.set(name, parseValue(tokens));
    } else if (mark.mark === "{") {
      if (open.length > MAX_DEPTH) throw wrong(`sections ${open.length} deep`);
      const inner = { values: new Map(), sections: new Map() };
      section.sections.set(name, inner);
      open.push(inner);
    } else {
      throw wrong(`${mark.mark} after ${name}`);
    }
  }
  if (open.length !== 1) throw wrong("its end before a }");
  return top;
}

function parseValue(tokens: Iterator<Token>): MetadataValue {
  const first = next(tokens);
  if (first?.kind !== "mark") return scalar(first);
  if (first.mark !== "[") throw wrong(first.mark);
  const list: (number | string)[] = [];
  for (let token = next(tokens); ; token = next(tokens)) {
    if (token?.kind === "mark" && token.mark === "]") return list;
    if (token?.kind === "mark" && token.mark === "," && list.length > 0) continue;
    list.push(scalar(token));
  }
}

function scalar(token: Token | undefined): number | string {
  if (token?.kind === "number") return token.value;
  if (token?.kind === "text") return token.text;
  throw wrong(token === undefined ? "its end" : show(token));
}

function next(tokens: Iterator<Token>): Token | undefined {
  const { done, value } = tokens.next();
  return done === true ? undefined : value;
}

function* walkTokens(text: string): Generator<Token> {
  const token = new RegExp(TOKEN); // one of its own: it holds the place in the text
  for (let at = 0; at < text.length; at = token.lastIndex) {
    const groups = token.exec(text)?.groups;
    if (groups === undefined) throw wrong(JSON.stringify(text.slice(at, at + 20)));
    const { text: quoted, number, name, mark } = groups;
    if (quoted !== undefined) {
      yield { kind: "text", text: quoted.slice(1, -1).replaceAll(/\\(.)/gs, "$1") };
    } else if (number !== undefined) {
      const value = Number(number);
      if (!Number.isSafeInteger(value)) throw wrong(number);
      yield { kind: "number", value };
    } else if (name !== undefined) {
      yield { kind: "name", name };
    } else if (mark !== undefined) {
      yield { kind: "mark", mark };
    }
  }
}

function show(token: Token): string {
  switch (token.kind) {
    case "text":
      return JSON.stringify(token.text);
    case "number":
      return String(token.value);
    case "name":
      return token.name;
    case "mark":
      return token.mark;
  }
}

function wrong(seen: string) {
  return damaged("the metadata", seen.slice(0, 100), "sections and values");
}
