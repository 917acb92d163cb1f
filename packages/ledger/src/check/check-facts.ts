import { canonicalJson, toCasemateError } from "@casemate/core";
import type { Fact } from "../facts/fact.ts";
import { parseLeaf } from "../facts/leaf.ts";
import { commitmentTo, parseSealedBody } from "../facts/sealed-body.ts";
import { sealedPath } from "../storage/fact-reader.ts";
import {
  formatKeyChain,
  KEY_ROTATED,
  KEYS,
  type KeyChain,
  type KeyLink,
  verifyRotation,
} from "../storage/key-chain.ts";
import { parseRedaction } from "../storage/pending-fact.ts";
import { TILE_WIDTH, tilePath, tileWidth } from "../tiles/tile-path.ts";
import type { ReadFile } from "../tiles/tree-reader.ts";
import type { Report } from "./damage.ts";

/** What of the facts other files must agree with. */
export interface FactsSeen {
  /** Facts that cannot be read: what belongs to them cannot be judged. */
  readonly unreadable: ReadonlySet<number>;
  /** Commitments by fact and name. */
  readonly commitments: ReadonlyMap<string, string>;
  /** What was redacted, by the same; with the index of the fact that redacted it. */
  readonly redacted: ReadonlyMap<string, number>;
  readonly rotations: readonly Fact[];
}

const keyOf = (index: number, name: string) => `${index} ${name}`;

/** Reads every fact, and takes down what sealed bodies and keys there must be. `size` is the checkpoint's. */
export function checkFacts(
  entries: readonly (Uint8Array | undefined)[],
  size: number,
  report: Report,
): FactsSeen {
  const unreadable = new Set<number>();
  const commitments = new Map<string, string>();
  const redacted = new Map<string, number>();
  const rotations: Fact[] = [];
  for (const [index, entry] of entries.entries()) {
    if (entry === undefined) {
      unreadable.add(index);
      continue;
    }
    let fact: Fact;
    try {
      fact = parseLeaf(entry, index);
    } catch (thrown) {
      const bundle = Math.floor(index / TILE_WIDTH);
      const file =
        index < size
          ? tilePath({ level: "entries", index: bundle, width: tileWidth(0, bundle, size) })
          : "journal";
      report(file, toCasemateError(thrown).message, `fact ${index}`);
      continue;
    }
    for (const [name, commitment] of Object.entries(fact.commitments ?? {})) {
      commitments.set(keyOf(index, name), commitment);
    }
    const redaction = parseRedaction(fact);
    for (const name of redaction?.names ?? []) {
      redacted.set(keyOf(redaction?.index ?? -1, name), index);
    }
    if (fact.kind === KEY_ROTATED) rotations.push(fact);
  }
  return { unreadable, commitments, redacted, rotations };
}

/** Checks that every sealed body is there as committed to, unless it was redacted: then that it is gone. */
export async function checkSealedBodies(
  readFile: ReadFile,
  files: ReadonlySet<string>,
  pendingBodies: string,
  size: number,
  { unreadable, commitments, redacted }: FactsSeen,
  report: Report,
): Promise<void> {
  const seen = new Set<string>();
  // A damaged line is one of those that would be missing.
  const damaged = new Set<string>();
  const checkLine = (path: string, line: string, i: number, bundle: number | undefined) => {
    const sealed = parseSealedBody(line);
    const { index = -1, name = "", salt = "", body = null } = sealed ?? {};
    if (unreadable.has(index)) return;
    const key = keyOf(index, name);
    const isOwn = bundle === undefined || Math.floor(index / TILE_WIDTH) === bundle;
    const place = sealed === undefined ? `line ${i + 1}` : `line ${i + 1} (fact ${index}, ${name})`;
    if (!isOwn || commitmentTo(salt, canonicalJson(body)) !== commitments.get(key)) {
      report(path, "The sealed body is not the one that its fact commits to.", place);
      damaged.add(path);
    } else if (bundle !== undefined && seen.has(key)) {
      report(path, "The sealed body is there twice.", place);
    } else if (bundle !== undefined && (redacted.get(key) ?? size) < size) {
      report(path, "The sealed body was redacted, and is still there.", place);
    }
    seen.add(key);
  };
  const checkLines = (path: string, text: string, bundle?: number) => {
    const lines = text.split("\n");
    if (lines.pop() !== "") {
      report(path, "It is cut off.", `line ${lines.length + 1}`);
      damaged.add(path);
    }
    for (const [i, line] of lines.entries()) checkLine(path, line, i, bundle);
  };
  for (const path of files) {
    if (!path.startsWith("sealed/")) continue;
    const bundle = Number(path.slice("sealed/".length).replaceAll(/[x/]/g, ""));
    if (Number.isNaN(bundle) || sealedPath(bundle) !== path) {
      report(path, "No such file belongs to a ledger.");
      continue;
    }
    const bytes = await readFile(path);
    if (bytes !== undefined) checkLines(path, bytes.toString("utf8"), bundle);
  }
  checkLines("journal", pendingBodies);
  for (const key of commitments.keys()) {
    if (seen.has(key) || redacted.has(key)) continue;
    const path = sealedPath(Math.floor(Number.parseInt(key, 10) / TILE_WIDTH));
    if (damaged.has(path)) continue;
    report(
      path,
      "A sealed body is missing, and no fact says that it was redacted.",
      `fact ${key.replace(" ", ", ")}`,
    );
  }
}

/** Checks that the file of keys lists the first key and those that the facts bring, each vouched for by the last. */
export function checkKeyChain(
  origin: string,
  chain: KeyChain,
  rotations: readonly Fact[],
  size: number,
  report: Report,
): void {
  const [first] = chain;
  if (first === undefined) return;
  const links: KeyLink[] = [first];
  for (const fact of rotations) {
    const last = links.at(-1) ?? first;
    // A rotation that no checkpoint covers yet need not stand in the file yet.
    if (fact.index >= size && chain.length === links.length) break;
    try {
      links.push(verifyRotation(origin, last.key, fact));
    } catch (thrown) {
      report(KEYS, toCasemateError(thrown).message, `line ${links.length + 1}`);
      return;
    }
  }
  if (formatKeyChain(links) !== formatKeyChain(chain)) {
    report(KEYS, "The keys are not those that the ledger's facts bring.");
  }
}
