import type { PolicyJson } from "./cedar.ts";
import type { DecidingPolicy, Duty } from "./decision.ts";

/** A policy as it was loaded. */
export interface LoadedPolicy extends DecidingPolicy {
  readonly text: string;
  readonly json: PolicyJson;
  /** What it asks for, if it is a duty. */
  readonly duty?: Duty;
}

/** Policies that parse, fit the schema and carry their annotations: a set is whole or is not there. */
export interface PolicySet {
  /** sha256 over the schema and the policies, see `versionOf`. */
  readonly version: string;
  readonly schema: string;
  /** In the order of their files' names and their lines. */
  readonly policies: readonly LoadedPolicy[];
  /** The labels that policies speak of, sorted. */
  readonly labels: readonly string[];
}

/** A file of a policy directory. */
export interface PolicyFile {
  /** The name without its directory. */
  readonly name: string;
  readonly text: string;
}

/** What is wrong with a file of a policy directory. */
export interface PolicyProblem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly sentence: string;
}
