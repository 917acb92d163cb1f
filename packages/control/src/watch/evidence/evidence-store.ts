import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { CasemateError, canonicalJson, type JsonObject } from "@casemate/core";
import type { Ledger } from "@casemate/ledger";
import type { Kysely, Selectable } from "kysely";
import type { FactLog } from "../../facts/fact-log.ts";
import type { ProjectedTables } from "../../facts/projected-tables.ts";
import { readOwnVersion } from "../../own-version.ts";
import { storageError } from "../../store/storage-error.ts";
import type { Findings } from "../findings/findings.ts";
import { bundleNames } from "./bundle-names.ts";
import { BundleWriter } from "./bundle-writer.ts";
import { EVIDENCE_SEALED } from "./check-evidence.ts";
import { type CollectedEvidence, collectEvidence, type EvidenceScope } from "./collect-evidence.ts";
import type { Digest } from "./digest.ts";
import { leastConsistent } from "./least-consistent.ts";
import { type EvidenceManifest, formatManifest } from "./manifest.ts";
import { proveEvidence } from "./prove-evidence.ts";
import { putMemory, type WholeMemory } from "./put-memory.ts";
import type { SavedEvidence } from "./saved-evidence.ts";
import { verifyRoom } from "./verify-room.ts";

/** What bundles are made from. */
export interface EvidenceParts {
  /** The data directory. */
  readonly directory: string;
  readonly db: Kysely<ProjectedTables>;
  readonly ledger: Ledger;
  readonly facts: FactLog;
  readonly findings: Findings;
}

/** A bundle that is to be made. */
export interface EvidenceOrder extends EvidenceScope {
  /** The request's id, which is the bundle's. */
  readonly id: string;
  /** Which run of the VM it is of. */
  readonly runId: string;
  /** Who asked for it, as facts name them. */
  readonly actor: string;
  /** How its whole RAM is to be taken; undefined: it is not. */
  readonly memory: WholeMemory | undefined;
}

/** What goes under the seal. */
interface SealedEvidence
  extends CollectedEvidence,
    Pick<EvidenceManifest, "begunAt" | "pauseMicroseconds"> {}

/** What of the work the whole RAM is, where it is asked for. */
const MEMORY_SHARE = 0.6;

/** The bundles of evidence of a data directory. */
export class EvidenceStore {
  readonly #parts: EvidenceParts;
  readonly #directory: string;

  constructor(parts: EvidenceParts) {
    this.#parts = parts;
    this.#directory = join(parts.directory, "evidence");
  }

  /**
   * Collects evidence and seals it: what is there when this resolves is on the disk, and its hash in the ledger.
   *
   * Throws `disk/full`, `data/not-writable`, `ledger/*`, `cancelled`.
   */
  async save(
    order: EvidenceOrder,
    progress: (fraction: number, doing: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const begunAt = new Date().toISOString();
    await this.#makeDirectory();
    const partial = this.#partialPath(order.id);
    await using bundle = await BundleWriter.create(partial);
    const { findings } = this.#parts;
    const put = (name: string, bytes: Uint8Array) => bundle.add(name, bytes);
    const { memory } = order;
    const share = memory === undefined ? 0 : MEMORY_SHARE;
    const tell = (from: number, to: number) => (fraction: number, doing: string) =>
      progress(from + (to - from) * fraction, doing);
    // First of all: what memory holds is gone soonest.
    const ram = memory && (await putMemory(order, memory, bundle, tell(0, share), signal));
    const seen = await collectEvidence(order, findings, put, tell(share, 0.9), signal);
    progress(0.9, "sealing");
    const consistency = leastConsistent([seen.consistency, ram?.consistency ?? seen.consistency]);
    const { pauseMicroseconds = 0 } = ram ?? {};
    await this.#seal(order, { ...seen, consistency, pauseMicroseconds, begunAt }, bundle);
    try {
      await rename(partial, this.#path(order.id));
      await using directory = await open(this.#directory, "r");
      await directory.sync();
    } catch (thrown) {
      throw storageError(thrown, partial);
    }
  }

  /** Throws `disk/full` where there is no room for so many bytes. */
  async verifyRoom(bytes: number): Promise<void> {
    const isThere = (await sizeOf(this.#directory)) !== undefined;
    await verifyRoom(isThere ? this.#directory : this.#parts.directory, bytes);
  }

  /** The newest first. */
  async list(): Promise<readonly SavedEvidence[]> {
    const rows = await this.#parts.db
      .selectFrom("evidence")
      .selectAll()
      .orderBy("fact", "desc")
      .execute();
    return await Promise.all(rows.map((row) => this.#describe(row)));
  }

  /** Throws `evidence/unknown`. */
  async get(id: string): Promise<SavedEvidence> {
    const row = await this.#parts.db
      .selectFrom("evidence")
      .selectAll()
      .where("id", "=", id)
      .executeTakeFirst();
    if (row !== undefined) return await this.#describe(row);
    throw new CasemateError("evidence/unknown", `Cannot find evidence ${id}: there is none.`);
  }

  /** The bytes of a bundle. Throws `evidence/unknown` where it is not there any more. */
  async read(id: string): Promise<AsyncIterable<Uint8Array>> {
    const { bytes } = await this.get(id);
    if (bytes !== undefined) return createReadStream(this.#path(id));
    throw new CasemateError(
      "evidence/unknown",
      `Cannot read evidence ${id}: its file is not there any more, expected ${this.#path(id)}.`,
    );
  }

  /** What became of a bundle: whether it is there, or something of it. */
  async stateOf(id: string): Promise<"saved" | "partial" | "absent"> {
    if ((await sizeOf(this.#path(id))) !== undefined) return "saved";
    return (await sizeOf(this.#partialPath(id))) === undefined ? "absent" : "partial";
  }

  /** Deletes a bundle; that it was sealed stays in the ledger. */
  async remove(id: string): Promise<void> {
    try {
      await rm(this.#path(id), { force: true });
    } catch (thrown) {
      throw storageError(thrown, this.#path(id));
    }
  }

  /** Removes what is there of a bundle that was not sealed. */
  async discard(id: string): Promise<void> {
    await rm(this.#partialPath(id), { force: true });
  }

  async #seal(
    { id, runId, actor, vm, host, classes, memory }: EvidenceOrder,
    { begunAt, findings, ...collected }: SealedEvidence,
    bundle: BundleWriter,
  ): Promise<void> {
    const { ledger, facts, directory } = this.#parts;
    const { uuid, name, networks, labels } = vm;
    const ids = findings.map((finding) => finding.id);
    const bytes = formatManifest({
      apiVersion: "casemate/v1",
      kind: "EvidenceManifest",
      version: 1,
      evidence: id,
      vm: { uuid, name, runId, networks: [...networks], labels: [...labels] },
      host: { id: host.id, name: host.name },
      ...{ requester: actor, casemate: readOwnVersion() },
      ...{ begunAt, endedAt: new Date().toISOString() },
      classes: [...classes],
      findings: ids,
      kernel: collected.kernel,
      consistency: collected.consistency,
      pauseMicroseconds: collected.pauseMicroseconds,
      missed: [...collected.missed],
      files: bundle.digests.map((each) => ({ ...each })),
    });
    await bundle.add(bundleNames.manifest, bytes);
    const sealed = await facts.record({
      kind: EVIDENCE_SEALED,
      actor,
      subject: `vm:${uuid}`,
      body: {
        evidence: id,
        request: id,
        vm: { name, host: host.id, networks: [...networks], labels: [...labels] },
        manifest: digestOf(bundle, bundleNames.manifest).sha256,
        ...{ classes: [...classes], findings: ids, memory: memory !== undefined },
      },
    });
    const about = { sealed, request: id, findings, classes };
    const proof = await proveEvidence(ledger, join(directory, "ledger"), about);
    const json = canonicalJson(proof as unknown as JsonObject); // plain data, as its declaration shows
    await bundle.add(bundleNames.proof, Buffer.from(json));
    await bundle.add(bundleNames.checkpoint, Buffer.from(proof.checkpoint));
    await bundle.end();
  }

  async #describe(row: Selectable<ProjectedTables["evidence"]>): Promise<SavedEvidence> {
    const { id, at, actor: by, manifest, fact } = row;
    return {
      ...{ id, at, by, manifest, fact },
      vm: JSON.parse(row.vm),
      classes: JSON.parse(row.classes),
      findings: JSON.parse(row.findings),
      memory: row.memory === 1,
      bytes: await sizeOf(this.#path(id)),
    };
  }

  async #makeDirectory(): Promise<void> {
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    } catch (thrown) {
      throw storageError(thrown, this.#directory);
    }
  }

  #path(id: string): string {
    return join(this.#directory, `${id}.tar`);
  }

  #partialPath(id: string): string {
    return `${this.#path(id)}.partial`;
  }
}

function digestOf({ digests }: BundleWriter, name: string): Digest {
  const digest = digests.find((each) => each.name === name);
  if (digest !== undefined) return digest;
  throw new CasemateError("internal", `Cannot find ${name} in the bundle that it was added to.`);
}

async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined); // not there, or out of reach: either way not to be had
  return found?.size;
}
