import type { BlockReader } from "../../block-reader.ts";
import { verifyWithin } from "../../read-bytes.ts";
import type { ThinMetadata } from "./thin-metadata.ts";

/** A thin volume (Linux, Documentation/admin-guide/device-mapper/thin-provisioning.rst). */
export class ThinReader implements BlockReader {
  readonly size: number;
  readonly #metadata: ThinMetadata;
  readonly #data: BlockReader;
  readonly #root: number;
  readonly #origin: BlockReader | undefined;

  /** @param data of the pool; @param origin what chunks that were never written read as, instead of zeros. */
  constructor(
    size: number,
    { metadata, data }: { readonly metadata: ThinMetadata; readonly data: BlockReader },
    device: number,
    origin: BlockReader | undefined,
  ) {
    this.size = size;
    this.#metadata = metadata;
    this.#data = data;
    this.#root = metadata.rootOf(device);
    this.#origin = origin;
  }

  read(offset: number, target: Uint8Array): void {
    verifyWithin(this, offset, target.length, "a thin volume");
    const { chunkSize } = this.#metadata;
    for (let done = 0; done < target.length; ) {
      const at = offset + done;
      const within = at % chunkSize;
      const part = target.subarray(done, done + chunkSize - within);
      const chunk = this.#metadata.chunkAt(this.#root, Math.floor(at / chunkSize));
      if (chunk === undefined) this.#readOrigin(at, part);
      else {
        const from = chunk * chunkSize + within;
        // HOSTILE: a mapping to beyond the pool.
        verifyWithin(this.#data, from, part.length, "a thin pool");
        this.#data.read(from, part);
      }
      done += part.length;
    }
  }

  /** An origin that is shorter goes on with zeros. */
  #readOrigin(offset: number, target: Uint8Array): void {
    const there = Math.min(target.length, Math.max(0, (this.#origin?.size ?? 0) - offset));
    if (there > 0) this.#origin?.read(offset, target.subarray(0, there));
    target.fill(0, there);
  }
}
