import type { SignatureMatch, SignatureMatcher } from "@casemate/inspect";
import type { YaraEngine } from "@casemate/scan/yara-engine";
import type { YaraRuleFile } from "@casemate/scan/yara-rule-files";
import { type YaraMatch, YaraScanner } from "@casemate/scan/yara-scanner";
import { yaraWords } from "@casemate/scan/yara-words";

interface RuleMatcherOptions {
  readonly allMemory: boolean;
  /** What runs the rules; read now unless given. */
  readonly engine?: YaraEngine | undefined;
}

/** YARA rules as what memory is put to; disposing ends what runs them. Throws `rules/malformed`. */
export function ruleMatcher(
  rules: readonly YaraRuleFile[],
  { allMemory, engine }: RuleMatcherOptions,
): SignatureMatcher & Disposable {
  const scanner = new YaraScanner(rules, { engine });
  return {
    allMemory,
    match: (path, bytes) =>
      scanner
        .scan(path, { size: bytes.length, read: (at, into) => copy(bytes, at, into) })
        .filter(({ isPrivate }) => !isPrivate)
        .map(asSignature),
    [Symbol.dispose]: () => scanner[Symbol.dispose](),
  };
}

function copy(bytes: Uint8Array, at: number, into: Uint8Array): void {
  into.set(bytes.subarray(at, at + into.length));
}

function asSignature(match: YaraMatch): SignatureMatch {
  const { identifier: rule, namespace, patterns } = match;
  const found = patterns
    .filter(({ isPrivate }) => !isPrivate)
    .flatMap(({ identifier: pattern, matches }) =>
      matches.map(({ offset, length }) => ({ pattern, offset, length })),
    );
  return { rule, namespace, ...yaraWords(match), found };
}
