import { createHash, type KeyObject, verify } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { apiVersion, canonicalJson, type JsonObject } from "@casemate/core";
import { feedError } from "../feed-error.ts";
import { membersOf } from "../json-fields.ts";
import { AdvisorySnapshot } from "./advisory-snapshot.ts";
import type { FeedSummary, SnapshotBuilder } from "./snapshot-builder.ts";

/** What signs a snapshot: an Ed25519 key, as the ledger's signing keys are. */
export interface SnapshotSigner {
  readonly verifier: { readonly name: string };
  sign(message: Uint8Array): Uint8Array;
}

/** What verifies a snapshot: an Ed25519 key, as the ledger's verifier keys are. */
export interface SnapshotVerifier {
  readonly name: string;
  readonly keyObject: KeyObject;
}

/** What a snapshot's signature is over. */
export interface SnapshotManifest {
  /** Of the contents as they are stored, hexadecimal: the snapshot's name. */
  readonly sha256: string;
  /** Of the contents once expanded. */
  readonly bytes: number;
  /** ISO 8601. */
  readonly created: string;
  readonly signer: string;
  readonly feeds: readonly FeedSummary[];
}

/** A snapshot that was verified. */
export interface OpenedSnapshot {
  readonly manifest: SnapshotManifest;
  readonly snapshot: AdvisorySnapshot;
}

/** Nothing else that Casemate signs begins so. */
const CONTEXT = "casemate/advisory-snapshot/v1\n";
const MAX_BYTES = 2 * 1024 * 1024 * 1024;
const MAX_MANIFEST_BYTES = 1024 * 1024;

/** Writes a signed snapshot into `directory`, whole or not at all, and returns its path: `SHA256.advisories`. */
export async function writeSnapshot(
  directory: string,
  builder: SnapshotBuilder,
  signer: SnapshotSigner,
  created: Date,
): Promise<string> {
  const plain = builder.finish();
  const contents = zstdCompressSync(plain);
  const manifest = {
    apiVersion,
    kind: "AdvisorySnapshot",
    sha256: createHash("sha256").update(contents).digest("hex"),
    bytes: plain.length,
    created: created.toISOString(),
    signer: signer.verifier.name,
    feeds: builder.feeds.map((feed): JsonObject => ({ ...feed })),
  };
  const text = canonicalJson(manifest);
  const signature = Buffer.from(signer.sign(Buffer.from(CONTEXT + text))).toString("base64");
  const path = join(directory, `${manifest.sha256}.advisories`);
  const partial = `${path}.part`;
  await writeFile(partial, Buffer.concat([Buffer.from(`${text}\n${signature}\n`), contents]), {
    flush: true,
  });
  await rename(partial, path);
  return path;
}

/** Reads a snapshot. Throws `feed/untrusted` unless one of the keys signed it, `feed/malformed`. */
export async function readSnapshot(
  path: string,
  keys: readonly SnapshotVerifier[],
): Promise<OpenedSnapshot> {
  const file = await readFile(path);
  const manifestEnd = file.subarray(0, MAX_MANIFEST_BYTES).indexOf("\n");
  const signatureEnd = file.indexOf("\n", manifestEnd + 1);
  if (manifestEnd === -1 || signatureEnd === -1) throw untrusted(path, "it has no manifest");
  const text = file.toString("utf8", 0, manifestEnd);
  const base64 = file.toString("latin1", manifestEnd + 1, signatureEnd);
  const signature = Buffer.from(base64, "base64");
  const signed = Buffer.from(CONTEXT + text);
  const isSigned = keys.some(({ keyObject }) => verify(null, signed, keyObject, signature));
  // One way only to write a signature: several bytes of base64 can mean the same.
  if (!isSigned || signature.toString("base64") !== base64) {
    throw untrusted(path, "none of the given keys signed it");
  }
  // Signed by one of ours, and so in our form: what follows checks for damage, not for malice.
  const manifest = JSON.parse(text) as SnapshotManifest;
  const contents = file.subarray(signatureEnd + 1);
  const seen = createHash("sha256").update(contents).digest("hex");
  if (membersOf(manifest)["kind"] !== "AdvisorySnapshot" || seen !== manifest.sha256) {
    throw untrusted(path, `the SHA-256 of its contents is ${seen}`);
  }
  if (manifest.bytes > MAX_BYTES) throw untrusted(path, `it has ${manifest.bytes} bytes`);
  const plain = zstdDecompressSync(contents, { maxOutputLength: Math.max(manifest.bytes, 1) });
  return { manifest, snapshot: new AdvisorySnapshot(plain) };
}

function untrusted(path: string, seen: string) {
  return feedError("feed/untrusted", `use the advisories in ${path}`, {
    seen,
    needed: "a snapshot that one of the keys signed",
  });
}
