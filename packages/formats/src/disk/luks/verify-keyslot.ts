import { damaged, unsupported } from "./luks-error.ts";
import type { LuksKdf, LuksKeyslot } from "./luks-header.ts";

/** AES-XTS with two keys of 256 bits. */
const MAX_KEY_BYTES = 64;
/** LUKS1 specification, 4.1; cryptsetup, `LUKS_STRIPES`. */
const MAX_STRIPES = 4000;
/** cryptsetup measures two seconds, which are some millions of rounds. */
const MAX_ITERATIONS = 20_000_000;
/** cryptsetup's own bounds: 1 GiB and four threads; four passes at least. */
const MAX_MEMORY_KIB = 1024 * 1024;
const MAX_LANES = 4;
const MAX_PASSES = 64;

/**
 * Throws `disk/damaged` for a keyslot that none writes, `disk/unsupported` where to try it costs too much.
 *
 * HOSTILE: memory and time that a passphrase is tried with are the disk's to say.
 */
export function verifyKeyslot({ id, keySize, stripes, area, kdf }: LuksKeyslot): void {
  const isSane =
    isKeySize(keySize) &&
    isKeySize(area.keySize) &&
    stripes >= 1 &&
    stripes <= MAX_STRIPES &&
    area.size >= keySize * stripes;
  if (!isSane) {
    const seen = `keyslot ${id} with a key of ${keySize} bytes in ${stripes} stripes`;
    throw damaged(seen, `at most ${MAX_KEY_BYTES} in ${MAX_STRIPES}`);
  }
  const cost = formatCost(kdf);
  if (cost !== undefined) throw unsupported(`keyslot ${id} that takes ${cost}`, "less");
}

/** Throws `disk/unsupported` for more rounds than are counted out here. */
export function verifyIterations(what: string, iterations: number): void {
  if (iterations < 1) throw damaged(`${what} of no round`, "some");
  if (iterations <= MAX_ITERATIONS) return;
  throw unsupported(`${what} of ${iterations} rounds`, `${MAX_ITERATIONS} at most`);
}

const isKeySize = (bytes: number) => bytes >= 1 && bytes <= MAX_KEY_BYTES;

/** What is too much about it. */
function formatCost(kdf: LuksKdf): string | undefined {
  switch (kdf.type) {
    case "pbkdf2":
      return kdf.iterations < 1 || kdf.iterations > MAX_ITERATIONS
        ? `${kdf.iterations} rounds`
        : undefined;
    case "argon2i":
    case "argon2id": {
      const { passes, memoryKiB, lanes } = kdf;
      const isSane =
        passes >= 1 &&
        passes <= MAX_PASSES &&
        lanes >= 1 &&
        lanes <= MAX_LANES &&
        memoryKiB >= 8 * lanes &&
        memoryKiB <= MAX_MEMORY_KIB;
      return isSane ? undefined : `${passes} passes over ${memoryKiB} KiB in ${lanes} lanes`;
    }
  }
}
