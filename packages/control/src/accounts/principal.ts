import type { Role } from "@casemate/policy";

/** How a principal proved who it is. */
export type AuthenticationMethod = "session" | "token" | "local" | "bootstrap";

/** Who makes a request. */
export interface Principal {
  /** The actor of facts: `account:alice`. */
  readonly id: string;
  /** The account's name. */
  readonly account: string;
  /** The human being behind the account: several accounts may be of one person. */
  readonly person: string;
  readonly roles: readonly Role[];
  /** Whether a second factor or a passkey was used to log in. */
  readonly mfa: boolean;
  readonly method: AuthenticationMethod;
  /** The actions and groups of actions that the credential is limited to. */
  readonly scopes: readonly string[] | "all";
  /** The session or token in use: `session:ID`, `token:ID`. */
  readonly credential: string;
  /** For logs and people. */
  readonly label: string;
}

/** A principal whose names follow from the rest. */
export function principalOf(known: Omit<Principal, "id" | "label">): Principal {
  return {
    ...known,
    id: `account:${known.account}`,
    label: known.account,
  };
}

/** Whoever holds the client file of this machine: root, or the user who runs Casemate. */
export const localPrincipal = principalOf({
  account: "local",
  person: "root",
  roles: ["owner", "operator"],
  mfa: false,
  method: "local",
  scopes: "all",
  credential: "local",
});

/** Whoever holds the bootstrap token, until there is an owner. */
export const bootstrapPrincipal = principalOf({
  account: "bootstrap",
  person: "bootstrap",
  roles: ["owner"],
  mfa: false,
  method: "bootstrap",
  scopes: "all",
  credential: "bootstrap",
});
