import { apiVersion, CasemateError, canonicalJson, type JsonValue } from "@casemate/core";
import { MAX_ENTRY_LENGTH } from "../tiles/entry-bundle.ts";
import type { Fact, FactDraft } from "./fact.ts";
import { commitmentTo, newSalt } from "./sealed-body.ts";

/** The most that the sealed bodies of one fact take, in bytes as they are kept. */
const MAX_SEALED_LENGTH = 64 * 1024;

/** A fact as it is kept. */
export interface Leaf {
  readonly fact: Fact;
  /** Canonical JSON: what the tree hashes. */
  readonly leaf: Buffer;
  /** Its sealed bodies, one line each. */
  readonly sealed: string;
}

/** A draft that has been checked and written out, all but its index: later changes of it do not matter. */
export interface PreparedLeaf {
  at(index: number): Leaf;
}

/** Checks the draft and writes it out. Throws `ledger/invalid-fact`. */
export function prepareLeaf(draft: FactDraft, time: Date): PreparedLeaf {
  const { kind, actor, subject, body, sealed } = draft;
  if (!/^[a-z-]+\/[a-z-]+$/.test(kind)) {
    throw invalid(kind, `its kind is ${JSON.stringify(kind)}, expected a form like vm/started`);
  }
  if (actor === "" || subject === "") {
    throw invalid(kind, "its actor or subject is empty, expected who did what to whom");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw invalid(kind, "its body is no object, expected one");
  }
  const salted = Object.entries(sealed ?? {}).map(([name, value]) => {
    const salt = newSalt();
    const text = written(kind, value);
    const after = written(kind, { name, salt }).slice(1);
    const line = (index: number) => `{"body":${text},"index":${index},${after}\n`;
    return { name, commitment: commitmentTo(salt, text), line };
  });
  const commitments =
    salted.length === 0
      ? {}
      : {
          commitments: Object.fromEntries(salted.map(({ name, commitment }) => [name, commitment])),
        };
  const isoTime = time.toISOString();
  // In a leaf the index stands between these members; both halves are written once, ahead of it.
  const head = written(kind, { apiVersion, actor, body, ...commitments }).slice(0, -1);
  const tail = written(kind, { kind, subject, time: isoTime }).slice(1);
  const at = (index: number): Leaf => ({
    fact: {
      apiVersion,
      index,
      time: isoTime,
      kind,
      actor,
      subject,
      body,
      ...commitments,
      ...(sealed === undefined ? {} : { sealed }),
    },
    leaf: Buffer.from(`${head},"index":${index},${tail}`),
    sealed: salted.map(({ line }) => line(index)).join(""),
  });
  const longest = at(Number.MAX_SAFE_INTEGER);
  if (longest.leaf.length > MAX_ENTRY_LENGTH) {
    throw invalid(
      kind,
      `it takes ${longest.leaf.length} bytes, expected at most ${MAX_ENTRY_LENGTH}`,
    );
  }
  const sealedLength = Buffer.byteLength(longest.sealed);
  if (sealedLength > MAX_SEALED_LENGTH) {
    throw invalid(
      kind,
      `its sealed bodies take ${sealedLength} bytes, expected at most ${MAX_SEALED_LENGTH}`,
    );
  }
  return { at };
}

function written(kind: string, value: JsonValue): string {
  try {
    return canonicalJson(value);
  } catch (thrown) {
    throw new CasemateError(
      "ledger/invalid-fact",
      `Cannot record ${JSON.stringify(kind)}: it holds what JSON has no form for, expected JSON.`,
      { cause: thrown },
    );
  }
}

/**
 * The fact that a leaf says, which must be number `index`.
 *
 * Throws `ledger/damaged` for anything but the canonical JSON of such a fact.
 */
export function parseLeaf(leaf: Uint8Array, index: number): Fact {
  const fact = parseFact(Buffer.from(leaf.buffer, leaf.byteOffset, leaf.length).toString("utf8"));
  if (fact?.index !== index) {
    throw new CasemateError(
      "ledger/damaged",
      `Cannot read fact ${index}: its leaf is something else, expected the canonical JSON of that fact.`,
    );
  }
  return fact;
}

const members = ["actor", "apiVersion", "body", "index", "kind", "subject", "time"];

function parseFact(text: string): Fact | undefined {
  try {
    const fact = JSON.parse(text);
    const { commitments, ...others } = fact;
    const isFact =
      Object.keys(others).join() === members.join() &&
      fact.apiVersion === apiVersion &&
      Number.isSafeInteger(fact.index) &&
      [fact.time, fact.kind, fact.actor, fact.subject].every((each) => typeof each === "string") &&
      isObject(fact.body) &&
      (commitments === undefined || isObject(commitments)) &&
      Object.values(commitments ?? {}).every((each) => /^[0-9a-f]{64}$/.test(String(each))) &&
      canonicalJson(fact) === text;
    return isFact ? fact : undefined;
  } catch {
    return undefined; // not JSON: the caller says which leaf
  }
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(kind: string, seen: string): CasemateError {
  return new CasemateError(
    "ledger/invalid-fact",
    `Cannot record ${JSON.stringify(kind)}: ${seen}.`,
  );
}
