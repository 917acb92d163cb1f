import type { Generated } from "kysely";

/** The rows Casemate keeps. Times are ISO 8601 in UTC, so that they sort as text. */
export interface Tables {
  readonly hosts: HostsTable;
  readonly vms: VmsTable;
  readonly tokens: TokensTable;
  readonly settings: SettingsTable;
  readonly inspections: InspectionsTable;
  readonly accounts: AccountsTable;
  readonly passkeys: PasskeysTable;
  readonly identities: IdentitiesTable;
  readonly sessions: SessionsTable;
  readonly api_tokens: ApiTokensTable;
  readonly lock_outs: LockOutsTable;
  readonly approval_keys: ApprovalKeysTable;
  readonly break_glass_codes: BreakGlassCodesTable;
  readonly break_glass_uses: BreakGlassUsesTable;
  readonly package_inventories: PackageInventoriesTable;
  readonly scanned_states: ScannedStatesTable;
}

/** What is installed on a system, once for all states that have just that. */
interface PackageInventoriesTable {
  /** SHA-256 of the contents, hexadecimal. */
  sha256: string;
  /** `{ os?, packages }`, canonical JSON. */
  contents: string;
}

/** A state of a VM that was scanned; it stays when the VM or the snapshot is no more. */
interface ScannedStatesTable {
  id: Generated<number>;
  host_id: string;
  vm_uuid: string;
  /** The VM as the policy sees it, JSON. */
  resource: string;
  /** The snapshot's name; null: the VM's own disks. */
  snapshot: string | null;
  /** Since when the disks were seen to be so; a snapshot's own date. */
  first_at: string;
  /** When they were last seen to be so. */
  last_at: string;
  inventory: string;
  /** How much could not be looked at. */
  missed: number;
  /** What of its packages ran when that was last looked at, JSON; null: never. */
  uses: string | null;
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

/** An account is never deleted: its name stands in facts. */
interface AccountsTable {
  name: string;
  person: string;
  /** A JSON list. */
  roles: string;
  created_at: string;
  /** When a temporary account ends. */
  expires_at: string | null;
  disabled_at: string | null;
  /** `by-hand`, `idle` or `expired`. */
  disabled_because: string | null;
  /** From when on days without a login are counted: the last login, or when it was made or enabled. */
  idle_since: string;
  last_login_at: string | null;
  /** A PHC string of argon2id. */
  password_hash: string | null;
  /** 1 while the password is one that somebody else chose. */
  password_must_change: number;
  /** The TOTP secret, encrypted with the key beside the database. */
  totp_sealed: string | null;
  /** The last time step whose code was used (RFC 6238, 5.2). */
  totp_step: number | null;
  /** What authenticators know the account by (WebAuthn, 5.4.3): random. */
  user_handle: string;
}

interface PasskeysTable {
  /** The credential ID, base64url. */
  id: string;
  account: string;
  name: string;
  /** COSE_Key, base64url. */
  public_key: string;
  counter: number;
  /** A JSON list. */
  transports: string;
  created_at: string;
  last_used_at: string | null;
}

/** Whom an OpenID provider's subject is here. */
interface IdentitiesTable {
  issuer: string;
  subject: string;
  account: string;
  created_at: string;
}

/** A session is known only by the SHA-256 of its token. */
interface SessionsTable {
  sha256: string;
  id: string;
  account: string;
  /** `password`, `passkey` or `oidc`. */
  method: string;
  mfa: number;
  address: string;
  created_at: string;
  last_used_at: string;
  expires_at: string;
}

/** A token is known only by the SHA-256 of its text. */
interface ApiTokensTable {
  sha256: string;
  id: string;
  account: string;
  name: string;
  /** A JSON list, or `"all"`. */
  scopes: string;
  created_at: string;
  expires_at: string;
  last_used_at: string | null;
}

/** Failed logins by name, whether there is such an account or not. */
interface LockOutsTable {
  /** An HMAC of the name: what is typed there may be a password. */
  key: string;
  /** A JSON list of times, in milliseconds since the epoch. */
  failures: string;
  locked_until: number | null;
}

/** The key that an account signs its approvals with: raw Ed25519, base64. */
interface ApprovalKeysTable {
  account: string;
  public_key: string;
  created_at: string;
}

/** The sealed code is known only by the SHA-256 of its text. */
interface BreakGlassCodesTable {
  sha256: string;
  sealed_at: string;
}

interface BreakGlassUsesTable {
  id: string;
  used_at: string;
  account: string;
  person: string;
  request_id: string;
  reason: string;
  reviewed_at: string | null;
  reviewed_by: string | null;
  note: string | null;
}
