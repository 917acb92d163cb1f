import { entropy } from "./entropy.ts";
import type { Fingerprint } from "./fingerprint.ts";
import { judgeKey } from "./judge-key.ts";
import { KeywordSearch } from "./keyword-search.ts";
import { isPlaceholder, isPlaceholderToken } from "./placeholder.ts";
import { MAX_PRIVATE_KEY, parsePrivateKey } from "./private-key.ts";
import { type KindedRule, secretRules } from "./rules/secret-rules.ts";
import type { FoundCredential, FoundKey } from "./secret.ts";

/** Where bytes are from. */
export interface SearchedFile {
  readonly path: string;
  readonly isText: boolean;
  /** A package's own: settings in it are nobody's but the package's. */
  readonly isPackaged: boolean;
}

/** A secret, and the byte that its match begins at. */
export interface SecretHit {
  readonly at: number;
  readonly secret:
    | Omit<FoundKey, "path" | "line">
    | Omit<FoundCredential, "path" | "line" | "count">;
}

/** What a pattern may see before the keyword, and from it on: the longest token is a JWT of 3.7 KiB. */
export const SEEN_BEFORE = 64;
const SEEN_AFTER = 4_096;
/** What has to be there after a keyword, so that nothing that begins with it is cut off. */
export const SEEN_AT_MOST = Math.max(SEEN_AFTER, MAX_PRIVATE_KEY);

/** The begin of a line, as far as it is seen, that programs skip: mostly an example of a package's maker. */
const COMMENTED = /(?:^|\n)[ \t]{0,16}(?:#|;|\/\/)[^\n]*$/;

const KEY_KEYWORDS = ["-----BEGIN ", "PuTTY-User-Key-File-"];
const ruleKeywords = secretRules.flatMap((rule) =>
  rule.keywords.map((keyword) => ({ keyword, rule })),
);
const search = new KeywordSearch([...KEY_KEYWORDS, ...ruleKeywords.map(({ keyword }) => keyword)]);

/**
 * Secrets that begin in `bytes` from `from` on and before `to`. HOSTILE: the guest wrote the bytes; the time is
 * linear in them.
 */
export function* searchSecrets(
  bytes: Buffer,
  file: SearchedFile,
  fingerprint: Fingerprint,
  { from, to }: { readonly from: number; readonly to: number } = { from: 0, to: bytes.length },
): Generator<SecretHit> {
  /** Of the matches of each rule: a keyword within one begins no other. */
  const ends = new Map<KindedRule | undefined, number>();
  for (const { at, keyword } of search.walk(bytes, from, to)) {
    const rule = ruleKeywords[keyword - KEY_KEYWORDS.length]?.rule;
    if (at < (ends.get(rule) ?? 0)) continue;
    const start = Math.max(0, at - SEEN_BEFORE);
    if (rule === undefined) {
      const text = bytes.toString("latin1", at, at + MAX_PRIVATE_KEY);
      const found = parsePrivateKey(text, 0);
      if (found === undefined) continue;
      ends.set(rule, at + found.body.length);
      yield {
        at,
        secret: {
          ...judgeKey(found.key, file.path),
          ...found.key,
          fingerprint: fingerprint(found.body),
        },
      };
      continue;
    }
    if (!isFor(rule, file)) continue;
    const text = bytes.toString("latin1", start, at + SEEN_AFTER);
    rule.pattern.lastIndex = at - start;
    const secret = rule.pattern.exec(text)?.groups?.["secret"];
    if (secret === undefined) continue;
    ends.set(rule, start + rule.pattern.lastIndex);
    const standsForOne = rule.kind === "token" ? isPlaceholderToken : isPlaceholder;
    if (standsForOne(secret) || entropy(secret) < (rule.entropy ?? 0)) continue;
    if (rule.kind === "credential" && COMMENTED.test(text.slice(0, at - start))) continue;
    const { kind, id, severity } = rule;
    yield { at, secret: { kind, rule: id, severity, fingerprint: fingerprint(secret) } };
  }
}

function isFor({ kind, files }: KindedRule, { path, isText, isPackaged }: SearchedFile): boolean {
  if (kind === "token") return true;
  return isText && !isPackaged && (files?.test(path) ?? true);
}
