import { damaged, unsupported } from "./luks-error.ts";
import type { LuksDigest, LuksHeader, LuksKdf, LuksKeyslot } from "./luks-header.ts";
import { verifyKeyslot } from "./verify-keyslot.ts";

/** cryptsetup, `LUKS2_KEYSLOTS_MAX`. */
const MAX_KEYSLOTS = 32;
const SECTOR_SIZES: readonly number[] = [512, 1024, 2048, 4096];

type Json = Readonly<Record<string, unknown>>;

/** What the JSON of a LUKS2 header says (LUKS2 specification, 3). Throws `disk/damaged`, `disk/unsupported`. */
export function parseLuks2Metadata(
  text: string,
): Pick<LuksHeader, "encryption" | "keyslots" | "digest" | "segment"> {
  const root = object(parse(text), "the metadata");
  const requirements = Object.values(
    object(object(root["config"], "config")["requirements"] ?? {}, "requirements"),
  );
  if (requirements.flat().length > 0) {
    // A volume that is being encrypted again has two keys.
    throw unsupported(`it requires ${JSON.stringify(requirements)}`.slice(0, 100), "nothing");
  }
  const segments = Object.entries(object(root["segments"], "segments"));
  const [only, ...others] = segments;
  if (only === undefined || others.length > 0) {
    throw unsupported(`${segments.length} segments`, "one");
  }
  const [segmentId, segment] = [only[0], object(only[1], "a segment")];
  if (segment["type"] !== "crypt" || "integrity" in segment) {
    throw unsupported(`a segment of type ${segment["type"]}, or with integrity`, "crypt");
  }
  const sectorSize = integer(segment["sector_size"], "sector_size");
  if (!SECTOR_SIZES.includes(sectorSize))
    throw damaged(`sectors of ${sectorSize} bytes`, "512 to 4096");
  const keyslots = Object.entries(object(root["keyslots"], "keyslots"));
  if (keyslots.length > MAX_KEYSLOTS) throw damaged(`${keyslots.length} keyslots`, "fewer");
  const digests = Object.values(object(root["digests"], "digests"));
  const digest = digests
    .map((value) => object(value, "a digest"))
    .find(({ segments: of }) => Array.isArray(of) && of.includes(segmentId));
  if (digest === undefined) throw damaged("no digest of the segment", "one");
  const offset = integer(segment["offset"], "offset");
  const { size } = segment;
  return {
    encryption: string(segment["encryption"], "encryption"),
    keyslots: keyslots.flatMap(([id, value]) => parseKeyslot(id, object(value, "a keyslot"))),
    digest: parseDigest(digest),
    segment: {
      offset,
      size: size === "dynamic" ? undefined : integer(size, "size"),
      sectorSize,
      ivTweak: integer(segment["iv_tweak"], "iv_tweak"),
    },
  };
}

/** None where it keeps no key of the volume. */
function parseKeyslot(id: string, slot: Json): readonly LuksKeyslot[] {
  if (slot["type"] !== "luks2") return [];
  const [area, af] = [object(slot["area"], "area"), object(slot["af"], "af")];
  const keyslot: LuksKeyslot = {
    id,
    keySize: integer(slot["key_size"], "key_size"),
    kdf: parseKdf(object(slot["kdf"], "kdf")),
    stripes: integer(af["stripes"], "stripes"),
    hash: string(af["hash"], "hash"),
    area: {
      offset: integer(area["offset"], "offset"),
      size: integer(area["size"], "size"),
      encryption: string(area["encryption"], "encryption"),
      keySize: integer(area["key_size"], "key_size"),
    },
  };
  verifyKeyslot(keyslot);
  return [keyslot];
}

function parseKdf(kdf: Json): LuksKdf {
  const { type } = kdf;
  const salt = base64(kdf["salt"]);
  switch (type) {
    case "pbkdf2": {
      const iterations = integer(kdf["iterations"], "iterations");
      return { type, hash: string(kdf["hash"], "hash"), iterations, salt };
    }
    case "argon2i":
    case "argon2id": {
      const [passes, memoryKiB] = [integer(kdf["time"], "time"), integer(kdf["memory"], "memory")];
      return { type, passes, memoryKiB, lanes: integer(kdf["cpus"], "cpus"), salt };
    }
    default:
      throw unsupported(`a key by ${type}`, "pbkdf2, argon2i or argon2id");
  }
}

function parseDigest(digest: Json): LuksDigest {
  if (digest["type"] !== "pbkdf2") throw unsupported(`a digest by ${digest["type"]}`, "pbkdf2");
  return {
    hash: string(digest["hash"], "hash"),
    iterations: integer(digest["iterations"], "iterations"),
    salt: base64(digest["salt"]),
    digest: base64(digest["digest"]),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged("metadata that are no JSON", "JSON");
  }
}

function object(value: unknown, what: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Json; // an object, whose members are still unknown
  }
  throw damaged(`${what} that is no object`, "one");
}

function string(value: unknown, what: string): string {
  if (typeof value === "string") return value;
  throw damaged(`${what} that is no text`, "one");
}

/** Numbers of 64 bits are texts. */
function integer(value: unknown, what: string): number {
  const number = typeof value === "string" && /^\d{1,16}$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number) && number >= 0) return number;
  throw damaged(`${what} ${JSON.stringify(value)?.slice(0, 40)}`, "a number");
}

function base64(value: unknown): Uint8Array {
  return Buffer.from(string(value, "base64"), "base64");
}
