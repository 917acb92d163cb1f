/** How passwords are hashed. */
export interface PasswordHashing {
  /** `yescrypt`, `sha512crypt`, `md5crypt`. */
  readonly algorithm: string;
  /** A graphics card tries more than a million passwords a second. */
  readonly isWeak: boolean;
}

/** Prefixes of hashes (crypt(5), "Available hashing methods"). */
const HASHES: readonly (readonly [prefix: string, algorithm: string, isWeak: boolean])[] = [
  ["$y$", "yescrypt", false],
  ["$gy$", "gost-yescrypt", false],
  ["$7$", "scrypt", false],
  ["$2", "bcrypt", false],
  ["$6$", "sha512crypt", false],
  ["$5$", "sha256crypt", false],
  ["$sha1$", "sha1crypt", true],
  ["$md5", "sunmd5", true],
  ["$1$", "md5crypt", true],
  ["$3$", "nt", true],
  ["_", "bsdicrypt", true],
];
/** DES has no prefix: thirteen characters of its alphabet. */
const DES = /^[./0-9A-Za-z]{13}$/;

/** How a field of shadow(5) without its lock is hashed; `undefined` where it is no hash. HOSTILE: the guest wrote it. */
export function identifyPasswordHash(crypted: string): PasswordHashing | undefined {
  const [, algorithm, isWeak] = HASHES.find(([prefix]) => crypted.startsWith(prefix)) ?? [];
  if (algorithm !== undefined && isWeak !== undefined) return { algorithm, isWeak };
  return DES.test(crypted) ? { algorithm: "descrypt", isWeak: true } : undefined;
}
