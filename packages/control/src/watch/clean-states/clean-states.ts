import type { SnapshotDescription } from "@casemate/agent";
import type { Kysely, Selectable } from "kysely";
import type { FactLog } from "../../facts/fact-log.ts";
import type { ProjectedTables } from "../../facts/projected-tables.ts";
import {
  type SnapshotIdentity,
  snapshotIdentity,
} from "../../operations/parts/snapshot-identity.ts";
import type { VmResource } from "../../spine/gate.ts";
import type { Finding } from "../findings/finding.ts";
import { watchActor } from "../findings/finding-facts.ts";
import type { Findings } from "../findings/findings.ts";
import type { LatestVerdict } from "../sweeps/vm-verdicts.ts";

/** A snapshot that is known clean, or was. */
export interface CleanState extends SnapshotIdentity {
  /** ISO 8601. */
  readonly knownAt: string;
  /** How many of the detectors that may look found nothing in what became of it. */
  readonly looked: number;
  readonly total: number;
  /** The others: they could not look at everything. */
  readonly unseen: readonly string[];
  /** The finding that it is not known clean any more for. */
  readonly doubtedBy: string | undefined;
}

/** How things stand after a sweep over a VM. */
export interface SweptVm {
  readonly vm: VmResource;
  /** What there was, and when that was seen: before any detector of this sweep looked. */
  readonly snapshots: readonly SnapshotDescription[];
  readonly listedAt: Date;
  /** Since when it has run without a start, a reset or a restore in between, as far as that is known. */
  readonly since: Date;
  /** When its guest booted, by the guest's word; undefined where that is not known. */
  readonly bootedAt: Date | undefined;
  /** What each detector that may look said last. */
  readonly latest: readonly LatestVerdict[];
  /** How many may look. */
  readonly permitted: number;
  /** Whether there were suspicions too many to be told. */
  readonly untold: boolean;
}

/**
 * Which snapshots are known clean.
 *
 * One is when, in the same run of the VM, detectors have looked after it was taken and found nothing: what was
 * in it would be there still. Nothing must have been found since then, and enough of them must have seen all.
 * It is not any more when something is found that may have been there before, and never again.
 */
export interface CleanStates {
  /** The newest first, with those that are doubted. */
  of(uuid: string): Promise<readonly CleanState[]>;
  /** Records what a sweep says of the VM's snapshots. Throws what recording throws. */
  observe(swept: SweptVm): Promise<void>;
}

/** The share of the detectors that may look which must have found nothing. */
const ENOUGH = 0.8;
/** Where a finding says when what it is about began, in seconds since boot: `TaskIdentity.describe`. */
const began = /started at (\d+(?:\.\d+)?)/;
/** What the guest's clock and the host's may differ by, in milliseconds. */
const SLACK = 5_000;

export function cleanStatesIn(
  db: Kysely<ProjectedTables>,
  facts: FactLog,
  findings: Pick<Findings, "list">,
): CleanStates {
  /** When each snapshot was first seen to be there, by VM, name and time. */
  const firstSeen = new Map<string, number>();

  const of = async (uuid: string): Promise<readonly CleanState[]> => {
    const rows = await db
      .selectFrom("clean_states")
      .selectAll()
      .where("vm_uuid", "=", uuid)
      .orderBy("created_at", "desc")
      .execute();
    return rows.map(asCleanState);
  };

  const record = (
    kind: string,
    { uuid, host }: VmResource,
    body: Readonly<Record<string, unknown>>,
  ) =>
    facts.record({
      kind,
      actor: watchActor,
      subject: `vm:${uuid}`,
      body: { host, ...JSON.parse(JSON.stringify(body)) },
    });

  const doubt = async ({ vm, bootedAt }: SweptVm, known: CleanState, found: readonly Finding[]) => {
    const why = found.find((each) => mayBeOlder(each, known, bootedAt));
    if (why === undefined) return;
    const { name: snapshot, createdAt } = known;
    await record("snapshot/doubted", vm, { snapshot, createdAt, finding: why.id });
  };

  const learn = async (
    swept: SweptVm,
    snapshot: SnapshotDescription,
    found: readonly Finding[],
  ) => {
    const { vm, listedAt, since, latest, permitted } = swept;
    const { name, createdAt } = snapshotIdentity(snapshot);
    const seen = `${vm.uuid} ${createdAt} ${name}`;
    const from = firstSeen.get(seen) ?? listedAt.getTime();
    firstSeen.set(seen, from);
    if (snapshot.createdAt < since) return;
    // What went away again may have been in it.
    if (found.some(({ changedAt }) => changedAt >= createdAt)) return;
    const after = latest.filter(({ at }) => Date.parse(at) >= from);
    const clean = after.filter(({ verdict, missed }) => verdict === "clean" && missed.length === 0);
    if (after.length < permitted || clean.length < permitted * ENOUGH) return;
    const unseen = after.filter((each) => !clean.includes(each)).map(({ detector }) => detector);
    const body = { snapshot: name, createdAt, looked: clean.length, total: permitted, unseen };
    await record("snapshot/known-clean", vm, body);
  };

  return {
    of,
    async observe(swept) {
      const { vm, snapshots, latest, untold } = swept;
      const known = await of(vm.uuid);
      const all = await findings.list({ vm: vm.uuid });
      const open = all.filter(({ state }) => state === "open");
      for (const each of known) {
        if (each.doubtedBy === undefined) await doubt(swept, each, open);
      }
      const isSound =
        open.length === 0 && !untold && latest.every(({ suspicions }) => suspicions === 0);
      for (const snapshot of snapshots) {
        const { name, createdAt } = snapshotIdentity(snapshot);
        const isKnown = known.some((each) => each.name === name && each.createdAt === createdAt);
        if (isSound && !isKnown) await learn(swept, snapshot, all);
      }
    },
  };
}

/** Whether what was found may have been there when the snapshot was taken. HOSTILE: the guest has its word in when. */
function mayBeOlder(
  { detector, details, firstSeen, reopenedAt }: Finding,
  { createdAt, knownAt, unseen }: CleanState,
  bootedAt: Date | undefined,
): boolean {
  if ((reopenedAt ?? firstSeen) <= knownAt) return true;
  if (unseen.includes(detector)) return true;
  const [, seconds] = began.exec(details?.key ?? "") ?? [];
  if (seconds === undefined) return false;
  if (bootedAt === undefined) return true;
  return bootedAt.getTime() + Number(seconds) * 1_000 - SLACK <= Date.parse(createdAt);
}

/** The projection wrote the row. */
function asCleanState(row: Selectable<ProjectedTables["clean_states"]>): CleanState {
  return {
    name: row.snapshot,
    createdAt: row.created_at,
    knownAt: row.known_at,
    looked: row.looked,
    total: row.total,
    unseen: JSON.parse(row.unseen),
    doubtedBy: row.doubted_by ?? undefined,
  };
}
