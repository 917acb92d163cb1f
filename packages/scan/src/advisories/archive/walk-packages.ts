import { type Stanza, walkDeb822 } from "../../packages/deb822.ts";
import { debVersions } from "../../versions/deb-versions.ts";

/** A package that an archive offers. */
export interface AvailablePackage {
  readonly name: string;
  readonly architecture: string;
  readonly version: string;
  readonly source: { readonly name: string; readonly version: string };
}

const wanted = new Set(["package", "architecture", "version", "source"]);

/** The packages of a `Packages` file that comes in chunks; what has no name or version is passed over. */
export async function* walkPackages(
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<AvailablePackage> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const end = bytes.lastIndexOf("\n\n"); // whole stanzas only
    if (end !== -1) yield* packagesIn(bytes.subarray(0, end + 1));
    rest = bytes.subarray(end === -1 ? 0 : end + 2);
  }
  yield* packagesIn(rest);
}

/** So that a piece's text stays small beside what it comes from. */
const PIECE_BYTES = 1024 * 1024;

function* packagesIn(bytes: Buffer): Generator<AvailablePackage> {
  for (let start = 0; start < bytes.length; ) {
    const gap = bytes.indexOf("\n\n", start + PIECE_BYTES);
    const end = gap === -1 ? bytes.length : gap + 2;
    for (const stanza of walkDeb822(bytes.toString("utf8", start, end), wanted)) {
      const available = parsePackage(stanza);
      if (available !== undefined) yield available;
    }
    start = end;
  }
}

function parsePackage(stanza: Stanza): AvailablePackage | undefined {
  const name = stanza.get("package") ?? "";
  const version = stanza.get("version") ?? "";
  if (name === "" || !debVersions.isVersion(version)) return undefined;
  const [, source = name, sourceVersion = version] =
    /^(\S+)(?:\s+\(([^)]+)\))?$/.exec(stanza.get("source") ?? "") ?? [];
  return {
    name,
    architecture: stanza.get("architecture") ?? "",
    version,
    source: { name: source, version: sourceVersion },
  };
}
