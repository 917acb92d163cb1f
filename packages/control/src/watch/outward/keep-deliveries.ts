import { setTimeout as sleep } from "node:timers/promises";
import { severities } from "@casemate/inspect";
import type { Fact, Ledger } from "@casemate/ledger";
import type { Kysely } from "kysely";
import { showFinding } from "../../api/show-finding.ts";
import type { Tables } from "../../store/tables.ts";
import type { Finding } from "../findings/finding.ts";
import type { Findings } from "../findings/findings.ts";
import type { Rules } from "../rules/rules.ts";
import type { Channel, Message } from "./channel.ts";
import type { Activity } from "./format-ocsf.ts";

/** What deliveries stand on. */
export interface DeliveryParts {
  readonly ledger: Ledger;
  readonly db: Kysely<Tables>;
  readonly findings: Findings;
  /** Say which channels are told, where they say. */
  readonly rules: Pick<Rules, "channelsOf">;
  readonly onAlarm: (sentence: string) => void;
  readonly onFailure: (thrown: unknown) => void;
}

/** Tells channels what becomes of findings. Disposing waits for nothing: what is not told then is told at the next start. */
export interface Deliveries extends AsyncDisposable {
  /** There is something new to tell. */
  wake(): void;
}

/** Waits between attempts, in milliseconds, and how many there are: over some two hours. */
const again = { first: 1_000, most: 5 * 60_000, attempts: 32 };

/** What is told, and as what. */
const activities: Readonly<Record<string, Activity>> = {
  "finding/raised": "Create",
  "finding/changed": "Update",
  "finding/acknowledged": "Update",
  "finding/reopened": "Update",
  "finding/closed": "Close",
};

/**
 * Each channel follows the ledger by itself, from where it was when it was set up: what was recorded is told,
 * in its order, at least once, also after a crash. What one of them does not take for hours is given up, said,
 * and the next is told.
 */
export async function keepDeliveries(
  channels: readonly Channel[],
  parts: DeliveryParts,
): Promise<Deliveries> {
  const ended = new AbortController();
  const followers = await Promise.all(
    channels.map(async (channel) => {
      let { promise: news, resolve: wake } = Promise.withResolvers<void>();
      const cursor = await cursorOf(channel.name, parts);
      const follow = async () => {
        while (!ended.signal.aborted) {
          ({ promise: news, resolve: wake } = Promise.withResolvers<void>());
          await catchUp(channel, cursor, parts, ended.signal);
          if (!ended.signal.aborted) await news;
        }
      };
      return { over: follow().catch(parts.onFailure), wake: () => wake() };
    }),
  );
  const wake = () => {
    for (const each of followers) each.wake();
  };
  return {
    wake,
    async [Symbol.asyncDispose]() {
      ended.abort();
      wake();
      await Promise.all(followers.map(({ over }) => over));
    },
  };
}

/** How far a channel was told, kept. */
interface Cursor {
  readonly next: number;
  moveTo(next: number): Promise<void>;
}

async function cursorOf(name: string, { db, ledger }: DeliveryParts): Promise<Cursor> {
  const key = `outward/${name}`;
  const row = await db
    .selectFrom("settings")
    .select("value")
    .where("key", "=", key)
    .executeTakeFirst();
  let next = row === undefined ? ledger.size : Number(row.value);
  const cursor = {
    get next() {
      return next;
    },
    async moveTo(index: number) {
      next = index;
      const value = String(index);
      await db
        .insertInto("settings")
        .values({ key, value })
        .onConflict((conflict) => conflict.column("key").doUpdateSet({ value }))
        .execute();
    },
  };
  if (row === undefined) await cursor.moveTo(next);
  return cursor;
}

async function catchUp(
  channel: Channel,
  cursor: Cursor,
  parts: DeliveryParts,
  signal: AbortSignal,
): Promise<void> {
  const { ledger } = parts;
  const end = ledger.size;
  for await (const fact of ledger.walk(cursor.next, end)) {
    const activity = activities[fact.kind];
    if (activity === undefined) continue;
    const finding = await parts.findings.get(String(fact.body["finding"]));
    if (!isFor(channel, finding, parts.rules.channelsOf(finding))) continue;
    const message = messageOf(fact, activity, finding);
    await deliver(channel, message, parts, signal);
    if (signal.aborted) return;
    await cursor.moveTo(fact.index + 1);
  }
  if (cursor.next < end) await cursor.moveTo(end);
}

function messageOf({ kind, index, time }: Fact, activity: Activity, finding: Finding): Message {
  // What a guest's processes and files hold is not for elsewhere.
  const discloses = finding.needs.some((each) => each === "userMemory" || each === "fileContents");
  const withheld = discloses ? `It was found in ${finding.needs.join(", ")}.` : undefined;
  return {
    id: `${finding.id}.${index}`,
    ...{ at: time, what: kind.replace("finding/", ""), activity },
    finding: showFinding(finding, withheld),
  };
}

/** Whether a channel is told: where rules name some those alone are, else all whose least it is not below. */
function isFor(
  { name, least }: Channel,
  finding: Finding,
  named: readonly string[] | undefined,
): boolean {
  if (named !== undefined) return named.includes(name);
  return severities.indexOf(finding.severity) >= severities.indexOf(least);
}

async function deliver(
  channel: Channel,
  message: Message,
  { onAlarm, onFailure }: DeliveryParts,
  signal: AbortSignal,
): Promise<void> {
  let wait = again.first;
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      await channel.send(message, signal);
      return;
    } catch (thrown) {
      if (signal.aborted) return;
      if (attempt === 1) onFailure(thrown);
      if (attempt === again.attempts) {
        onAlarm(`${channel.name} could not be told of finding ${message.finding.id}: given up.`);
        return;
      }
    }
    await sleep(wait, undefined, { signal }).catch(() => {}); // the loop ends by itself
    wait = Math.min(wait * 2, again.most);
  }
}
