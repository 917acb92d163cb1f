import { argon2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { CasemateError } from "@casemate/core";

/** OWASP Password Storage Cheat Sheet, argon2id: 19 MiB (in KiB), 2 passes, 1 lane. */
const parameters = { memory: 19_456, passes: 2, parallelism: 1 };

const saltBytes = 16;
const tagBytes = 32;

const limits = {
  /** In characters. */
  least: 12,
  /** In UTF-8 bytes: longer ones only cost time. */
  mostBytes: 1_024,
  leastDistinct: 5,
};

/** The longest password a request may carry, in UTF-16 units. */
export const passwordLimit = limits.mostBytes;

const derive = promisify(argon2);

/** The PHC string of a password: `$argon2id$v=19$m=19456,t=2,p=1$SALT$TAG`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(saltBytes);
  const { memory, passes, parallelism } = parameters;
  const message = prepare(password);
  const tag = await derive("argon2id", {
    ...{ message, nonce: salt, memory, passes, parallelism, tagLength: tagBytes },
  });
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${encode(salt)}$${encode(tag)}`;
}

/** A hash that no password opens: what an unknown name is compared with, so that it costs the same time. */
export function unmatchable(): string {
  const { memory, passes, parallelism } = parameters;
  const random = encode(randomBytes(tagBytes));
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${encode(randomBytes(saltBytes))}$${random}`;
}

/** Whether `password` is the one behind `hash`, compared in constant time. Throws `data/damaged`. */
export async function isPassword(password: string, hash: string): Promise<boolean> {
  const { memory, passes, parallelism, salt, tag } = parseHash(hash);
  const message = prepare(password);
  const seen = await derive("argon2id", {
    ...{ message, nonce: salt, memory, passes, parallelism, tagLength: tag.length },
  });
  return timingSafeEqual(seen, tag);
}

/** Whether the hash was made with other parameters than are used now. */
export function isOutdated(hash: string): boolean {
  const { memory, passes, parallelism } = parseHash(hash);
  return (
    memory !== parameters.memory ||
    passes !== parameters.passes ||
    parallelism !== parameters.parallelism
  );
}

/** Throws `account/weak-password` for a password that is too short, too long, too plain, or holds the name. */
export function verifyPasswordPolicy(password: string, name: string, person: string): void {
  const characters = [...prepare(password)];
  const refuse = (seen: string, needed: string) =>
    new CasemateError(
      "account/weak-password",
      `Cannot set the password of ${name}: ${seen}, expected ${needed}.`,
    );
  if (characters.length < limits.least) {
    throw refuse(`it has ${characters.length} characters`, `at least ${limits.least}`);
  }
  if (Buffer.byteLength(prepare(password)) > limits.mostBytes) {
    throw refuse("it is too long", `at most ${limits.mostBytes} bytes`);
  }
  if (new Set(characters).size < limits.leastDistinct) {
    throw refuse("it repeats itself", `at least ${limits.leastDistinct} different characters`);
  }
  const lower = password.toLowerCase();
  for (const known of [name, person, "casemate"]) {
    // Of a name with three letters or fewer, a password may well hold the letters by chance.
    if (known.length >= 4 && lower.includes(known.toLowerCase())) {
      throw refuse(`it holds "${known}"`, "one that does not");
    }
  }
}

/** NIST SP 800-63B, 5.1.1.2: the same characters are the same password, however a keyboard composes them. */
function prepare(password: string): string {
  return password.normalize("NFKC");
}

interface ParsedHash {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: Buffer;
  readonly tag: Buffer;
}

const phc =
  /^\$argon2id\$v=19\$m=(\d{1,8}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

function parseHash(hash: string): ParsedHash {
  const [, memory, passes, parallelism, salt, tag] = phc.exec(hash) ?? [];
  if (salt === undefined || tag === undefined) {
    throw new CasemateError(
      "data/damaged",
      "Cannot read a password's hash: it is no PHC string of argon2id.",
    );
  }
  return {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, "base64"),
    tag: Buffer.from(tag, "base64"),
  };
}

/** PHC strings carry base64 without padding. */
function encode(value: Uint8Array): string {
  return Buffer.from(value).toString("base64").replace(/=+$/, "");
}
