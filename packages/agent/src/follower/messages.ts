import { errorCatalogue } from "@casemate/core";
import type { DiskRange } from "@casemate/host";
import type { Missed, TreeChanges } from "@casemate/scan";
import type { Failure } from "../confined/serve.ts";

/** What the agent asks its follower; the system's disks come over the other socket just before, each time. */
export type FollowerRequest =
  | { readonly kind: "index" }
  /** Which bytes of each disk were written to since the last time. */
  | { readonly kind: "update"; readonly written: readonly (readonly DiskRange[])[] };

/** What a system's files are known by now. */
export interface FollowerIndex {
  readonly files: number;
  readonly missed: readonly Missed[];
}

export type FollowerAnswer = FollowerIndex | TreeChanges | Failure;

/** Codes that a follower may tell of; any other from it is not to be believed. */
export const followerCodes: ReadonlySet<string> = new Set(
  Object.keys(errorCatalogue).filter((code) => /^(disk|scan|inspect)\/|^internal$/.test(code)),
);
