import type { Generated } from "kysely";

/** The rows Casemate keeps. Times are ISO 8601 in UTC, so that they sort as text. */
export interface Tables {
  readonly hosts: HostsTable;
  readonly vms: VmsTable;
  readonly tokens: TokensTable;
  readonly settings: SettingsTable;
  readonly inspections: InspectionsTable;
}

interface HostsTable {
  id: string;
  name: string;
  uri: string;
  first_seen: string;
  last_seen: string;
}

/** A VM as it was last seen; it stays when the hypervisor no longer knows it. */
interface VmsTable {
  uuid: string;
  host_id: string;
  name: string;
  state: string;
  first_seen: string;
  last_seen: string;
}

/** A token is known only by the SHA-256 of its text. */
interface TokensTable {
  sha256: string;
  label: string;
  scope: string;
  created_at: string;
  expires_at: string | null;
}

interface SettingsTable {
  key: string;
  value: string;
}

/** Who looked into which VM, at which class of data, and how it ended. Written before the look begins. */
interface InspectionsTable {
  id: Generated<number>;
  at: string;
  token_label: string;
  vm_uuid: string;
  vm_name: string;
  view: string;
  argument: string | null;
  data_class: string;
  /** For how long the VM was to be paused at most, in milliseconds; null where it was to run on. */
  pause_limit_ms: number | null;
  /** For how long it was, in microseconds; null where it was not, or where that is not known. */
  paused_us: number | null;
  /** `started` until the look ends, then `done` or an error code. */
  outcome: string;
}
