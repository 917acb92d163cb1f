import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CasemateError } from "@casemate/core";
import {
  type FeedFormat,
  fetchFeed,
  type OpenedSnapshot,
  readFeed,
  readSnapshot,
  SnapshotBuilder,
  type SnapshotManifest,
  type SnapshotSigner,
  type SnapshotVerifier,
  writeSnapshot,
} from "@casemate/scan";

/** A feed that snapshots are made of. */
export interface AdvisoryFeed {
  readonly name: string;
  readonly format: FeedFormat;
  /** Its file among the feeds; an archive's ends as one. */
  readonly file: string;
  /** The address it is updated from; undefined: it was imported. */
  readonly url?: string;
  /** The server's entity tag of what is there. */
  readonly etag?: string;
  /** When it was imported or downloaded, ISO 8601. */
  readonly updatedAt: string;
}

/** Debian's tracker has some 70 MiB, the largest archive of OSV some 200. */
const MAX_FEED_BYTES = 1024 * 1024 * 1024;
const extension = ".advisories";

/** The advisories of a data directory: the feeds as they came, and one signed snapshot made of all of them. */
export class AdvisoryStore {
  readonly #directory: string;
  readonly #keyPath: string;
  #opened: { readonly path: string; readonly snapshot: OpenedSnapshot } | undefined;

  /** @param dataDirectory of the control plane. Nothing is read or made yet. */
  constructor(dataDirectory: string) {
    this.#directory = join(dataDirectory, "advisories");
    this.#keyPath = join(this.#directory, "signing-key.pem");
  }

  /** The feeds that are there. */
  async feeds(): Promise<readonly AdvisoryFeed[]> {
    const text = await readFile(join(this.#directory, "feeds.json"), "utf8").catch(ignoreMissing);
    return text === undefined ? [] : (JSON.parse(text) as readonly AdvisoryFeed[]); // `#note` wrote it
  }

  /**
   * Takes a copy of the feed in `file`, in place of one of that name, and makes the snapshot anew. Throws
   * `feed/*`; then everything is as it was.
   */
  async importFile(
    name: string,
    format: FeedFormat,
    file: string,
    signal?: AbortSignal,
  ): Promise<SnapshotManifest> {
    const updatedAt = new Date().toISOString();
    const feed = { name: verifyName(name), format, file: fileFor(name, file), updatedAt };
    return await this.#replace(feed, (target) => cp(file, target, { recursive: true }), signal);
  }

  /** Downloads the feed, unless nothing changed there since the last time, and makes the snapshot anew. */
  async update(
    name: string,
    format: FeedFormat,
    url: string,
    signal?: AbortSignal,
  ): Promise<SnapshotManifest> {
    const known = (await this.feeds()).find((feed) => feed.name === name && feed.url === url);
    const etag = known?.etag === undefined ? {} : { etag: known.etag };
    await this.#prepare();
    const partial = join(this.#directory, "feeds", `.${verifyName(name)}`);
    const fetched = await fetchFeed(url, partial, { mostBytes: MAX_FEED_BYTES, ...etag }, signal);
    const updatedAt = new Date().toISOString();
    if (fetched === undefined && known !== undefined) {
      return await this.#build([...(await this.#others(name)), { ...known, updatedAt }], signal);
    }
    const tag = fetched?.etag === undefined ? {} : { etag: fetched.etag };
    const feed = { name, format, file: fileFor(name, url), url, ...tag, updatedAt };
    return await this.#replace(feed, (target) => rename(partial, target), signal);
  }

  /** The snapshot there is now; undefined where there is none yet. Throws `feed/untrusted`, `feed/malformed`. */
  async snapshot(): Promise<OpenedSnapshot | undefined> {
    const path = await this.#snapshotPath();
    if (path === undefined) return undefined;
    if (this.#opened?.path !== path) {
      const signer = await this.#signer();
      this.#opened = { path, snapshot: await readSnapshot(path, [signer.verifier]) };
    }
    return this.#opened.snapshot;
  }

  /**
   * A snapshot that this installation made, in whatever file it is; undefined where there is no such file. Throws
   * `feed/untrusted`, `feed/malformed`.
   */
  async read(path: string): Promise<OpenedSnapshot | undefined> {
    const pem = await readFile(this.#keyPath, "utf8").catch(ignoreMissing);
    const keys = pem === undefined ? [] : [verifierOf(createPrivateKey(pem))];
    return await readSnapshot(path, keys).catch(ignoreMissing);
  }

  async #replace(
    feed: AdvisoryFeed,
    bring: (target: string) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<SnapshotManifest> {
    await this.#prepare();
    const target = this.#pathOf(feed);
    const fresh = join(dirname(target), `new-${feed.file}`);
    await rm(fresh, { recursive: true, force: true });
    try {
      await bring(fresh);
      // Read once by itself: a feed that is none never takes the place of one that is.
      for await (const _ of readFeed(feed.format, fresh, signal));
      await rm(target, { recursive: true, force: true });
      await rename(fresh, target);
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
    return await this.#build([...(await this.#others(feed.name)), feed], signal);
  }

  async #others(name: string): Promise<readonly AdvisoryFeed[]> {
    return (await this.feeds()).filter((feed) => feed.name !== name);
  }

  async #build(feeds: readonly AdvisoryFeed[], signal?: AbortSignal): Promise<SnapshotManifest> {
    const builder = new SnapshotBuilder();
    for (const feed of feeds) {
      for await (const { advisories, skipped } of readFeed(
        feed.format,
        this.#pathOf(feed),
        signal,
      )) {
        builder.addAdvisories(feed.name, advisories, skipped);
      }
    }
    const signer = await this.#signer();
    const path = await writeSnapshot(this.#directory, builder, signer, new Date());
    await this.#note(feeds);
    for (const name of await readdir(this.#directory)) {
      const other = join(this.#directory, name);
      if (name.endsWith(extension) && other !== path) await rm(other);
    }
    return (await readSnapshot(path, [signer.verifier])).manifest;
  }

  async #note(feeds: readonly AdvisoryFeed[]): Promise<void> {
    const path = join(this.#directory, "feeds.json");
    await writeFile(`${path}.part`, JSON.stringify(feeds), { mode: 0o600, flush: true });
    await rename(`${path}.part`, path);
  }

  async #snapshotPath(): Promise<string | undefined> {
    const names = await readdir(this.#directory).catch(ignoreMissing);
    const found = (names ?? []).filter((name) => name.endsWith(extension));
    // More than one for a moment: the newest is the one that stays.
    const dated = await Promise.all(
      found.map(async (name) => {
        const path = join(this.#directory, name);
        return { path, at: (await stat(path)).mtimeMs };
      }),
    );
    return dated.toSorted((a, b) => b.at - a.at)[0]?.path;
  }

  async #prepare(): Promise<void> {
    await mkdir(join(this.#directory, "feeds"), { recursive: true, mode: 0o700 });
  }

  #pathOf({ file }: AdvisoryFeed): string {
    return join(this.#directory, "feeds", file);
  }

  /** The installation's own key: a snapshot that anything else wrote is not used. */
  async #signer(): Promise<SnapshotSigner & { readonly verifier: SnapshotVerifier }> {
    let pem = await readFile(this.#keyPath, "utf8").catch(ignoreMissing);
    if (pem === undefined) {
      const { privateKey } = generateKeyPairSync("ed25519");
      pem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
      await writeFile(this.#keyPath, pem, { mode: 0o600, flush: true });
    }
    const privateKey = createPrivateKey(pem);
    return {
      verifier: verifierOf(privateKey),
      sign: (message) => sign(null, message, privateKey),
    };
  }
}

function verifierOf(privateKey: KeyObject): SnapshotVerifier {
  return { name: "casemate-advisories", keyObject: createPublicKey(privateKey) };
}

function verifyName(name: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$/.test(name)) return name;
  throw new CasemateError(
    "usage",
    `Cannot name a feed ${JSON.stringify(name)}: expected letters, digits, dots and hyphens.`,
  );
}

const fileFor = (name: string, from: string) => (/\.zip$/i.test(from) ? `${name}.zip` : name);

function ignoreMissing(thrown: unknown): undefined {
  if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
  throw thrown;
}
