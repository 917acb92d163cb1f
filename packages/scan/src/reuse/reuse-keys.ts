import { createHash } from "node:crypto";
import { type Sections, sectionNames } from "../section.ts";

/** What is kept has another form when this changes. */
const FORM = 3;

/** What a scan found, and how it came to it. */
export type ReuseKind = "result" | "recipe";

/** A disk by what tells each of its layers from all others. */
export interface IdentifiedDisk {
  readonly layers: readonly { readonly identity: string | undefined }[];
}

/** What else a result depends on. */
export interface ReuseScanner<Rows> {
  /** Who scans: another version, rule or salt is another one, and nobody's results are taken for its own. */
  readonly scanner: string;
  readonly only?: readonly (keyof Rows)[] | undefined;
}

/** How many states there are below what the disks are now. */
export function deepestOf(disks: readonly IdentifiedDisk[]): number {
  return Math.max(0, ...disks.map(({ layers }) => layers.length - 1));
}

/** Under what a state is kept; `undefined` where nobody can tell it from others. */
export function stateKey<Rows extends Record<keyof Rows, object>>(
  disks: readonly IdentifiedDisk[],
  sections: Sections<Rows>,
  { scanner, only }: ReuseScanner<Rows>,
  { kind, depth }: { readonly kind: ReuseKind; readonly depth: number },
): string | undefined {
  const identities = disks.map(({ layers }) =>
    layers.slice(Math.min(depth, layers.length - 1)).map(({ identity }) => identity),
  );
  if (identities.flat().includes(undefined)) return undefined;
  const names = sectionNames(sections);
  const text = JSON.stringify([FORM, kind, scanner, names, only ?? "usual", identities]);
  return createHash("sha256").update(text).digest("hex");
}

/** All keys that a scan of these may get or put something under. */
export function listReuseKeys<Rows extends Record<keyof Rows, object>>(
  disks: readonly IdentifiedDisk[],
  sections: Sections<Rows>,
  scanner: ReuseScanner<Rows>,
): readonly string[] {
  const keys: string[] = [];
  for (let depth = 0; depth <= deepestOf(disks); depth += 1) {
    for (const kind of ["result", "recipe"] as const) {
      const key = stateKey(disks, sections, scanner, { kind, depth });
      if (key !== undefined) keys.push(key);
    }
  }
  return keys;
}
