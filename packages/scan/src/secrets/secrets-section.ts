import type { Section } from "../section.ts";
import { makeFingerprint } from "./fingerprint.ts";
import { passwordHashes } from "./password-hashes.ts";
import type { Secret } from "./secret.ts";
import { secretFiles } from "./secret-files.ts";
import { secretsTable } from "./secrets-table.ts";
import { shellHistories } from "./shell-histories.ts";

/** Secrets that lie on a disk; `salt` is what an installation keeps to know one again. */
export function secretsSection(salt?: Uint8Array): Section<Secret> {
  const fingerprint = makeFingerprint(salt);
  return {
    ...secretsTable,
    collectors: [passwordHashes(fingerprint)],
    visitors: [secretFiles(fingerprint), shellHistories],
  };
}
