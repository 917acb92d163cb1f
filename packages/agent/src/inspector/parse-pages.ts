import type { Unfit } from "../confined/parse-row.ts";
import { parserThatThrows } from "../confined/parse-values.ts";
import { type GuestPages, mostPages } from "../guest-pages.ts";

const limits = { steps: 5, word: 18 };
/** 4096 bytes in base64. */
const PAGE = /^[A-Za-z0-9+/]{5462}==$/;

/** Pages as checked values. HOSTILE: the inspector may be in a guest's hands. Throws `unfit`. */
export function parsePages(
  { pages, missed }: Readonly<Record<string, unknown>>,
  unfit: Unfit,
): Pick<GuestPages, "pages" | "missed"> {
  const parse = parserThatThrows(unfit);
  const hex = (value: unknown) => {
    const text = parse.text(value);
    if (text.length > limits.word || !/^0x[0-9a-f]+$/.test(text)) throw unfit("no address");
    return text;
  };
  return {
    pages: parse.list(pages, mostPages).map((each) => {
      const { address, physical, path, base64 } = parse.record(each);
      const bytes = parse.text(base64);
      if (!PAGE.test(bytes)) throw unfit("no page");
      return {
        address: hex(address),
        physical: hex(physical),
        path: parse.list(path, limits.steps).map((step) => {
          const { table, at, entry } = parse.record(step);
          const name = parse.word(table, ["pgd", "p4d", "pud", "pmd", "pte"]);
          return { table: name, at: hex(at), entry: hex(entry) };
        }),
        base64: bytes,
      };
    }),
    missed: parse.list(missed, mostPages).map((each) => {
      const { what, reason } = parse.record(each);
      return { what: parse.text(what), reason: parse.text(reason) };
    }),
  };
}
