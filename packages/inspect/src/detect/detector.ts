import type { NonEmpty } from "@casemate/core";
import type { Budget } from "../budget.ts";
import type { Access, DataClass } from "../kernel/data-class.ts";
import type { Interview } from "./agent/interview.ts";
import type { GuestFiles } from "./guest-files.ts";
import type { PeerGuest } from "./peer-guest.ts";
import type { SignatureMatcher } from "./signature-matcher.ts";
import type { Suspicion } from "./suspicion.ts";
import type { TechniqueId } from "./techniques.ts";

/** Looks for one kind of trace of an attack. */
export interface Detector<Needs extends DataClass = DataClass> {
  /** As on the command line: `hidden-processes`. */
  readonly id: string;
  readonly title: string;
  readonly techniques: NonEmpty<TechniqueId>;
  /** The classes of data it reads; it gets readers for these only. */
  readonly needs: NonEmpty<Needs>;
  /** `high`: it reads much of memory, or of the guest's disks, and has a budget for it. */
  readonly cost: "low" | "high";
  /** Whether what it keeps from sweep to sweep can be read nowhere any more: whoever wants room lets it have that. */
  readonly remembers?: true;
  /** What whoever asks must give it: without that it looks at nothing, and is not among the usual ones. */
  readonly given?: "rules" | "agent";
  /** What it does not see, a sentence each, for those who rely on it. */
  readonly blindTo: NonEmpty<string>;
  /**
   * Checks, and reports. Walks pay from `inspection.budget` by themselves; other loops over what the guest
   * counts call `budget.step()`. What `kernel.attempt` passes over is missed by itself.
   *
   * Throws `kernel/*` and `inspect/budget`: what it did not come to is missed then.
   */
  check(access: Access<Needs>, inspection: Inspection): void;
}

/** What a detector tells and is told in one look. */
export interface Inspection {
  readonly budget: Budget;
  /** The guest's own files, where the host lets Casemate read its disks. */
  readonly files: GuestFiles | undefined;
  /** Other guests, where whoever asks has leave to compare with them. */
  readonly peers: readonly PeerGuest[];
  /** Rules that memory is put to, where whoever asks gave some. */
  readonly signatures: SignatureMatcher | undefined;
  /** What the agent in the guest said, where whoever asks had it asked. */
  readonly interview: Interview | undefined;
  /** What the detector keeps of this guest from sweep to sweep, so that what did not change is not read again. */
  readonly kept: Map<string, unknown>;
  /** What earlier looks for the same verdict found sound: a busy guest is looked at many times. */
  readonly sound: Map<string, unknown>;
  /** What the owner of the VM allows. */
  readonly allowances: Allowances;
  report(suspicion: Suspicion): void;
  /** Says that `count` things could be looked at: functions, tables, processes. */
  looked(count?: number): void;
  /** Says that `count` things could not be looked at: those are not clean. */
  missed(what: string, reason: string, count?: number): void;
}

/** What is no sign of an attack on this VM, for its owner says so. */
export interface Allowances {
  /** Names of programs that may have raw and packet sockets: `dhclient`. */
  readonly rawSockets: readonly string[];
  /** Names of programs that make code at run time: `java`. */
  readonly codeMakers: readonly string[];
}

/** A detector as a value; it takes its place in the list of `detectors.ts`. */
export function defineDetector<const Needs extends DataClass>(
  detector: Detector<Needs>,
): Detector<Needs> {
  return detector;
}
