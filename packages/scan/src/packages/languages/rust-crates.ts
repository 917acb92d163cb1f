import { inflateSync } from "node:zlib";
import { MiB } from "@casemate/core";
import { itemsOf, membersOf, textOf } from "../../advisories/json-fields.ts";
import { damaged } from "./language-error.ts";
import { parseJson } from "./parse-json.ts";

/** A crate that is in a program. HOSTILE: whoever made the program says it. */
export interface RustCrate {
  readonly name: string;
  readonly version: string;
}

/** HOSTILE: unpacked; a thousand crates take 100 KiB. */
const MAX_JSON = MiB;
/** What only ran while it was built: build scripts, and macros with all that they need. */
const BUILD = "build";

/**
 * The crates of a program out of its section `.dep-v0`, which cargo-auditable writes (its PARSING.md and
 * cargo-auditable.schema.json): JSON packed with zlib. Throws `scan/damaged`.
 */
export function parseRustCrates(section: Buffer, path: string): readonly RustCrate[] {
  const { packages } = parseJson(inflate(section, path), path);
  return itemsOf(packages).flatMap((item) => {
    const { name, version, kind } = membersOf(item);
    if (kind === BUILD) return [];
    const crate = { name: textOf(name), version: textOf(version) };
    if (crate.name !== undefined && crate.version !== undefined) {
      return [{ name: crate.name, version: crate.version }];
    }
    throw damaged(path, "a crate without name or version", "both");
  });
}

function inflate(section: Buffer, path: string): Buffer {
  try {
    return inflateSync(section, { maxOutputLength: MAX_JSON });
  } catch (cause) {
    const seen = cause instanceof Error ? cause.message : "other bytes";
    throw damaged(path, seen, `up to ${MAX_JSON} bytes packed with zlib`, { cause });
  }
}
