/** A stanza: values by field names in lower case. Lines that a value goes on in follow a line end. */
export type Stanza = ReadonlyMap<string, string>;

/**
 * The stanzas of Debian's control syntax (deb822(5)), as dpkg's status, `Packages` and `Release` have it.
 *
 * With `wanted` (field names in lower case) only those fields are kept. HOSTILE: a line that is none of a
 * field's, and a second field of one name, are passed over.
 */
export function* walkDeb822(text: string, wanted?: ReadonlySet<string>): Generator<Stanza> {
  let fields = new Map<string, string>();
  let current = "";
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    const first = text.charCodeAt(start);
    if (first === SPACE || first === TAB) {
      if (current !== "") {
        fields.set(current, `${fields.get(current)}\n${text.slice(start + 1, end)}`);
      } else if (text.slice(start, end).trim() === "" && wanted === undefined) {
        // dpkg takes a line of spaces for the end of a stanza; so do the indexes it reads.
        if (fields.size > 0) yield fields;
        fields = new Map();
      }
    } else if (start === end || (first === RETURN && end === start + 1)) {
      if (fields.size > 0) yield fields;
      fields = new Map();
      current = "";
    } else if (first !== HASH) {
      const colon = text.indexOf(":", start);
      const name = colon < 0 || colon > end ? "" : text.slice(start, colon).toLowerCase();
      const isKept = name !== "" && !fields.has(name) && (wanted?.has(name) ?? true);
      current = isKept ? name : "";
      if (isKept) fields.set(name, text.slice(colon + 1, end).trim());
    }
    start = end + 1;
  }
  if (fields.size > 0) yield fields;
}

const TAB = 0x09;
const RETURN = 0x0d;
const SPACE = 0x20;
const HASH = 0x23;
