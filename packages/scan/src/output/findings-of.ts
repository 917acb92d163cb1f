import type { ChangedFile } from "../integrity/package-files.ts";
import type { MalwareHit } from "../malware/malware-hit.ts";
import type { Secret } from "../secrets/secret.ts";
import type { Found } from "../section.ts";
import type { Finding } from "./finding.ts";
import { findingOfChangedFile } from "./finding-of-changed-file.ts";
import { findingOfMalware } from "./finding-of-malware.ts";
import { findingOfSecret } from "./finding-of-secret.ts";

/** The sections whose rows are findings, and not what belongs on a system. */
export interface FindingRows {
  readonly secrets: Secret;
  readonly malware: MalwareHit;
  readonly packageFiles: ChangedFile;
}

/** What a scan found that somebody should look at; `undefined` where none of it was looked for. */
export function findingsOf({
  secrets,
  malware,
  packageFiles,
}: Found<FindingRows>): readonly Finding[] | undefined {
  if ((secrets ?? malware ?? packageFiles) === undefined) return undefined;
  return [
    ...(secrets ?? []).map(findingOfSecret),
    ...(malware ?? []).map(findingOfMalware),
    ...(packageFiles ?? []).map(findingOfChangedFile),
  ];
}
