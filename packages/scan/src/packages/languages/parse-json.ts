import { type Members, membersOf } from "../../advisories/json-fields.ts";
import { damaged } from "./language-error.ts";

/**
 * The members of a JSON object that `path` names in errors. Throws `scan/damaged`.
 *
 * HOSTILE: the caller has bounded the bytes; nested as deep as they allow they become some 50 times their size.
 */
export function parseJson(bytes: Buffer, path: string): Members {
  // npm, too, passes over a byte order mark.
  const text = bytes.toString("utf8").replace(/^\u{feff}/u, "");
  try {
    return membersOf(JSON.parse(text));
  } catch (cause) {
    const seen = cause instanceof Error ? cause.name : "another text";
    throw damaged(path, seen, "JSON", { cause });
  }
}
