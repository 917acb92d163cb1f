import type { JsonObject } from "@casemate/core";
import type { Severity } from "@casemate/inspect";
import type { Condition, FindingSubject, VmSubject } from "./condition.ts";

/** What a rule has done about a finding. */
export interface RuleResponse {
  /** One of `responses`. */
  readonly response: string;
  readonly parameters: JsonObject;
}

/** What is to be made of findings that a condition holds for. */
export interface Rule {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly when: Condition<FindingSubject>;
  /** How bad it is; as it would be without this rule where it is left out. */
  readonly severity: Severity | undefined;
  readonly because: string | undefined;
  readonly respond: readonly RuleResponse[];
  /** `dry-run`: it only says what it would have done. */
  readonly mode: "dry-run" | "act";
  /** How many security officers have to agree before it is done; policies may ask for more. */
  readonly approvals: number;
}

/** What is no sign of an attack on VMs that a condition holds for. */
export interface RuleAllowance {
  readonly when: Condition<VmSubject>;
  readonly rawSockets: readonly string[];
  readonly codeMakers: readonly string[];
}

/** The rules of a directory, in the order of their files and lines. */
export interface RuleSet {
  /** sha256 of the files in hexadecimal. */
  readonly version: string;
  readonly rules: readonly Rule[];
  readonly allowances: readonly RuleAllowance[];
}

/** What is wrong with a file of rules, and where. */
export interface RuleProblem {
  readonly file: string;
  readonly line: number;
  readonly sentence: string;
}

/** A file of a directory of rules. */
export interface RuleFile {
  readonly name: string;
  readonly text: string;
}
