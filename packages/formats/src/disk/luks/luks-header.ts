import type { BlockReader } from "../block-reader.ts";
import { readBytes } from "../read-bytes.ts";
import { unsupported } from "./luks-error.ts";
import { readLuks1Header } from "./luks1-header.ts";
import { readLuks2Header } from "./luks2-header.ts";

/** How a key is made of a passphrase. */
export type LuksKdf =
  | {
      readonly type: "pbkdf2";
      readonly hash: string;
      readonly iterations: number;
      readonly salt: Uint8Array;
    }
  | {
      readonly type: "argon2i" | "argon2id";
      readonly passes: number;
      readonly memoryKiB: number;
      readonly lanes: number;
      readonly salt: Uint8Array;
    };

/** The volume's key, split over `stripes` and encrypted with what `kdf` makes of a passphrase. */
export interface LuksKeyslot {
  readonly id: string;
  /** The volume key's, in bytes. */
  readonly keySize: number;
  readonly kdf: LuksKdf;
  readonly stripes: number;
  /** Of the splitting. */
  readonly hash: string;
  readonly area: {
    readonly offset: number;
    readonly size: number;
    readonly encryption: string;
    readonly keySize: number;
  };
}

/** What shows that a key is the volume's: `digest` is PBKDF2 of it. */
export interface LuksDigest {
  readonly hash: string;
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly digest: Uint8Array;
}

/** What a LUKS volume says of itself in clear. HOSTILE: whoever could write the disk says it. */
export interface LuksHeader {
  readonly version: 1 | 2;
  readonly uuid: string;
  /** LUKS2 only; empty where it has none. */
  readonly label: string;
  /** As dm-crypt names it: `aes-xts-plain64`. */
  readonly encryption: string;
  /** Those in use. */
  readonly keyslots: readonly LuksKeyslot[];
  readonly digest: LuksDigest;
  /** What is encrypted: in bytes, to the end of the volume where `size` is `undefined`. */
  readonly segment: {
    readonly offset: number;
    readonly size: number | undefined;
    readonly sectorSize: number;
    /** What sectors are counted from, in 512 bytes. */
    readonly ivTweak: number;
  };
}

const VERSION_AT = 6;

/**
 * Reads the header of a LUKS1 or LUKS2 volume, which needs no key. Throws `disk/damaged`,
 * `disk/truncated`, `disk/unsupported`.
 */
export function readLuksHeader(volume: BlockReader): LuksHeader {
  const version = readBytes(volume, VERSION_AT, 2, "a LUKS header").readUInt16BE();
  if (version === 1) return readLuks1Header(volume);
  if (version === 2) return readLuks2Header(volume);
  throw unsupported(`version ${version}`, "1 or 2");
}

/** A LUKS volume in words: `LUKS2, aes-xts-plain64, 2 keyslots`. */
export function formatLuksHeader({ version, encryption, keyslots }: LuksHeader): string {
  return `LUKS${version}, ${encryption}, ${keyslots.length} keyslot${keyslots.length === 1 ? "" : "s"}`;
}
