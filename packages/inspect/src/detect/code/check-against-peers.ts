import { isNonEmpty, type NonEmpty, toCasemateError } from "@casemate/core";
import type { CodeAddress } from "@casemate/formats/kernel-code";
import type { Access } from "../../kernel/data-class.ts";
import type { Inspection } from "../detector.ts";
import type { PeerGuest } from "../peer-guest.ts";
import type { Suspicion } from "../suspicion.ts";
import { CodeLook } from "./code-look.ts";
import { describeDeviations } from "./describe-deviations.ts";
import { describeStrayCall } from "./describe-stray-call.ts";
import { CALL, JMP } from "./encode-branch.ts";
import { ExpectedCode } from "./expected-code.ts";
import { type CodeCopy, fitCode } from "./fit-code.ts";
import { KernelState } from "./kernel-state.ts";
import { loadedCode } from "./loaded-code.ts";
import type { PatchSites } from "./patch-sites.ts";
import { patchingOf } from "./patching-of.ts";
import { type Deviation, WatchedCode } from "./watched-code.ts";

/** Code that is compared with the same code of other guests. */
export interface ComparedCode {
  /** As what it is missed: `the kernel's code`. */
  readonly what: string;
  /** As suspicions tell of it: `the kernel`, `module ext4`. */
  readonly where: string;
  readonly own: CodeCopy;
  /** Where the kernel changes it while it runs. */
  readonly sites: PatchSites;
  /** How many things it counts as. */
  readonly count: number;
  /** The same code in another guest, or why it has none. */
  copyOf(access: Access<"kernelMetadata" | "kernelText">, state: KernelState): CodeCopy | string;
}

/** What comparing with one guest brought. */
interface Vote {
  readonly code: WatchedCode;
  readonly deviations: readonly Deviation[];
}

/** The jump that takes the place of a breakpoint where the kernel optimizes probes. */
const PROBE_BYTES = 5;
/** With so many others it is compared: each of them takes time, and memory meanwhile. */
const MAX_PEERS = 4;

/**
 * Compares code with that of other guests of the same build whose starts patched it in the same way. What
 * differs is suspicious where more guests have it otherwise, and alike, than have it so; where they are as
 * many, it cannot be told which of them is changed, and that is missed.
 */
export function checkAgainstPeers(
  { what, where, own, sites, count, copyOf }: ComparedCode,
  why: string,
  inspection: Inspection,
): void {
  const { buildId } = own.state.kernel.facts;
  const patching = patchingOf(own.state);
  const votes: Vote[] = [];
  const unlike = new Set<string>();
  for (const peer of inspection.peers) {
    if (buildId === undefined || peer.buildId !== buildId || votes.length === MAX_PEERS) continue;
    const vote = ask(peer, (access) => {
      const state = new KernelState(access.kernel);
      if (patchingOf(state) !== patching) return "It has other processors, or starts otherwise.";
      const other = copyOf(access, state);
      if (typeof other === "string") return other;
      if (other.bytes.length !== own.bytes.length) return "It has other code by this name.";
      return voteOf(own, other, sites);
    });
    if (typeof vote === "string") unlike.add(vote);
    else votes.push(vote);
  }
  if (!isNonEmpty(votes)) {
    const others = [...unlike].map((reason) => ` Of another one of this build: ${reason}`).join("");
    const none = "Nor is there another guest with the same to compare with.";
    inspection.missed(what, `${why} ${none}${others}`, count);
    return;
  }
  const { changed, undecided } = judge(votes);
  for (const { vote, deviations, alike } of changed) {
    const other = `what it is in ${guests(alike)} of the same build`;
    const found = describeDeviations(deviations, vote.code, own.bytes, where, own.state, other);
    for (const each of found) inspection.report(withPeers(each, alike, votes.length + 1));
  }
  const [first] = votes;
  for (const each of first.code.strayCalls(own.state)) {
    inspection.report(describeStrayCall(each, own.state));
  }
  if (undecided.length === 0) inspection.looked(count);
  else {
    const { at, against } = undecided[0] ?? { at: 0, against: 0 };
    const place =
      own.state.kernel.symbolAt(own.state.gva(at))?.name ?? `0x${(at >>> 0).toString(16)}`;
    inspection.missed(
      what,
      `${why} It differs from that of ${guests(against)} of the same build in ${undecided.length} places, the first in ${place}, and it cannot be told which of them was changed: that takes more guests of this build.`,
      count,
    );
  }
}

function ask(
  peer: PeerGuest,
  read: (access: Access<"kernelMetadata" | "kernelText">) => Vote | string,
): Vote | string {
  try {
    return peer.look(read);
  } catch (thrown) {
    const { code } = toCasemateError(thrown);
    // What is wrong with another guest says nothing of this one; its name is in the words for it.
    if (!/^(kernel|inspect|memory|vm)\//.test(code)) throw thrown;
    return "It could not be looked at.";
  }
}

function voteOf(own: CodeCopy, other: CodeCopy, sites: PatchSites): Vote | string {
  const { start, bytes, state } = own;
  const fitted = fitCode(own, other);
  if (fitted === undefined) return "Its code is altogether different.";
  // Code that the other guest's probes changed tells nothing.
  for (const [place, slot] of new CodeLook(other.state).detours) {
    const at = place - other.start;
    if (at < 0 || at >= bytes.length) continue;
    fitted.set(bytes.subarray(at, at + (slot === 0 ? 1 : PROBE_BYTES)), at);
  }
  const code = new ExpectedCode([{ start, bytes: fitted }]);
  for (const { at, tail } of sites.staticCalls) {
    // Whatever is switched on there, what can be tells how long it is.
    const [first, second = 0] = code.bytes(at, 2);
    const isConditional = first === 0x0f && (second & 0xf0) === 0x80;
    if (!isConditional) code.write(at, [tail ? JMP : CALL]);
  }
  const watched = new WatchedCode(loadedCode(code, sites, state), start, bytes.length);
  return { code: watched, deviations: watched.check(bytes, state) };
}

/** A deviation that a majority has otherwise, all of them alike. */
interface Changed {
  readonly vote: Vote;
  readonly deviations: readonly Deviation[];
  /** How many have it so. */
  readonly alike: number;
}

/** Decides place by place. */
function judge(votes: NonEmpty<Vote>): {
  readonly changed: readonly Changed[];
  readonly undecided: readonly { readonly at: CodeAddress; readonly against: number }[];
} {
  const changed = new Map<Vote, { deviations: Deviation[]; alike: Set<Vote> }>();
  const undecided: { at: CodeAddress; against: number }[] = [];
  const settled: Deviation[] = [];
  for (const vote of votes) {
    for (const deviation of vote.deviations) {
      if (settled.some((each) => overlaps(each, deviation))) continue;
      settled.push(deviation);
      const against = votes.filter(({ deviations }) =>
        deviations.some((each) => overlaps(each, deviation)),
      );
      const alike = against.filter(({ code }) => isAlike(code, vote.code, deviation));
      const withThis = votes.length - against.length + 1;
      if (alike.length > withThis) {
        const known = changed.get(vote) ?? { deviations: [], alike: new Set() };
        changed.set(vote, known);
        known.deviations.push(deviation);
        for (const each of alike) known.alike.add(each);
      } else if (against.length >= withThis) {
        undecided.push({ at: deviation.at, against: against.length });
      }
    }
  }
  return {
    changed: [...changed].map(([vote, { deviations, alike }]) => ({
      ...{ vote, deviations },
      alike: alike.size,
    })),
    undecided,
  };
}

function overlaps(one: Deviation, other: Deviation): boolean {
  return one.at < other.at + other.seen.length && other.at < one.at + one.seen.length;
}

/** Whether both guests have the same there. */
function isAlike(one: WatchedCode, other: WatchedCode, { at, seen }: Deviation): boolean {
  return Buffer.compare(one.expected(at, seen.length), other.expected(at, seen.length)) === 0;
}

const guests = (count: number): string => (count === 1 ? "another guest" : `${count} other guests`);

function withPeers(suspicion: Suspicion, alike: number, all: number): Suspicion {
  const [first, ...others] = suspicion.evidence;
  const compared = {
    what: "other guests of this build",
    expected: `the same code as in ${guests(alike)}`,
    seen: `of ${all} guests ${alike} have it alike, and this one otherwise`,
  };
  return { ...suspicion, evidence: [first, ...others, compared] };
}
