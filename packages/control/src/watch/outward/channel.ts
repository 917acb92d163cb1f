import type { Severity } from "@casemate/inspect";
import type { FindingList } from "../../api/contract/finding.ts";
import type { Activity } from "./format-ocsf.ts";

/** What became of a finding, as it is told outside. */
export interface Message {
  /** The same each time that it is sent. */
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  /** raised, changed, acknowledged, closed, reopened. */
  readonly what: string;
  readonly activity: Activity;
  readonly finding: FindingList["items"][number];
}

/** A place where findings are told. */
export interface Channel {
  readonly name: string;
  /** Findings that are less bad are not told there. */
  readonly least: Severity;
  /** Resolves when it was taken. Throws what keeps it from that; then it is sent again. */
  send(message: Message, signal: AbortSignal): Promise<void>;
}
