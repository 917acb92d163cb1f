import type { Role } from "./roles.ts";

/** Who asks. */
export interface Principal {
  readonly id: string;
  /** The person behind the account; two accounts may be of one person. */
  readonly person: string;
  readonly roles: readonly Role[];
  /** Whether a second factor was given. */
  readonly mfa: boolean;
  readonly labels?: readonly string[];
}

/** What is asked about. */
export type Resource =
  | {
      readonly kind: "vm";
      readonly uuid: string;
      readonly name: string;
      /** The host's id: the place of the VM. */
      readonly host: string;
      /** Labels of the host; the VM counts as having them, too. */
      readonly hostLabels?: readonly string[];
      readonly networks: readonly string[];
      readonly labels: readonly string[];
    }
  | { readonly kind: "host"; readonly id: string; readonly labels?: readonly string[] }
  | { readonly kind: "account"; readonly id: string; readonly person: string }
  | {
      readonly kind: "request";
      readonly id: string;
      /** The person who made the request. */
      readonly requester: string;
      /** The action that was requested. */
      readonly action: string;
    }
  | { readonly kind: "system" };

/** What the plan of an operation predicts. */
export interface PlanPrediction {
  /** Whether a state of the VM is lost. */
  readonly destroysState: boolean;
  /** What cannot be undone afterwards, in words. */
  readonly irreversible: readonly string[];
  readonly downtime: boolean;
  /** Disk space needed, in bytes. */
  readonly diskBytes: number;
}

/** A consent that was given: the role it was given in and the person who gave it. */
export interface Approval {
  readonly role: Role;
  readonly person: string;
}

/** Where requests come from; the control plane says so, never a client. */
export const sources = ["api", "hook", "response", "system"] as const;

export type Source = (typeof sources)[number];

/** What of a guest can be seen, as the schema names it. */
export const dataClasses = ["kernelMetadata", "kernelText", "userMemory", "fileContents"] as const;

/** May `principal` do `action` to `resource`? */
export interface AuthorizationRequest {
  readonly principal: Principal;
  /** One of `actions`. */
  readonly action: string;
  readonly resource: Resource;
  readonly context: {
    readonly plan?: PlanPrediction;
    /** Approvals of exactly this plan; one by the requester's own person never counts. */
    readonly approvals: readonly Approval[];
    readonly breakGlass: boolean;
    readonly dataClasses: readonly string[];
    readonly source: Source;
    /** How many security officers a rule asks that answers a finding; none where it is left out. */
    readonly asks?: number;
  };
}
