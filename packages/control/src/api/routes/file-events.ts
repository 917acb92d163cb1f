import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import type { FileWatchTick } from "@casemate/agent";
import { toCasemateError } from "@casemate/core";
import type { FileEvent as HappenedToFile } from "@casemate/scan";
import { Type } from "typebox";
import type { FollowGiven } from "../../operations/follow-vm.ts";
import { asDocument } from "../contract/document.ts";
import { type FileEvent, FollowOrder } from "../contract/file-event.ts";
import { findVm } from "../find-vm.ts";
import { defineRoute } from "../route.ts";
import { VmParams } from "./vms.ts";

/** Between two signs of life where nothing happens, in milliseconds. */
const HEARTBEAT = 15_000;

/** A `POST`, because a running VM's host works for it. */
export const fileEvents = defineRoute({
  method: "POST",
  path: "/api/v1/vms/:vm/file-events",
  summary:
    "What happens to a running VM's files, as server-sent events; each `data` is a FileEvent document, but of `error`, which is the last, an Error",
  access: "spine",
  params: VmParams,
  body: Type.Object(
    {
      ...FollowOrder,
      request: Type.Optional(
        Type.String({
          format: "uuid",
          description: "A request for this that has been approved.",
        }),
      ),
    },
    { additionalProperties: false },
  ),
  answer: Type.String(),
  produces: "text/event-stream",
  async handle({ params, body, principal, signal }, services) {
    const { request: id = randomUUID(), ...parameters } = body;
    const { target } = await findVm(services, params.vm, signal);
    const order = { id, operation: "vm.follow", target, parameters, principal };
    await services.spine.submit(order, signal);
    const lines = new PassThrough({ encoding: "utf8" });
    const left = new AbortController();
    lines.once("close", () => left.abort());
    const heartbeat = setInterval(() => lines.write(": nothing\n\n"), HEARTBEAT);
    const given: FollowGiven = {
      take: (tick) =>
        new Promise((resolve) => {
          lines.write(describeTick(tick).map(formatEvent).join(""), () => resolve());
        }),
    };
    const until = AbortSignal.any([signal, left.signal]);
    let begun = false;
    services.spine
      .answer(id, principal, until, given)
      .then(
        () => lines.end(),
        (thrown) => (begun ? lines.end(formatError(thrown)) : lines.destroy(thrown)),
      )
      .finally(() => clearInterval(heartbeat));
    // What it cannot begin for is answered as any route's error.
    await once(lines, "readable");
    begun = true;
    return lines;
  },
});

const formatEvent = (event: FileEvent) => `data: ${JSON.stringify(event)}\n\n`;

function formatError(thrown: unknown): string {
  const { code, message, next } = toCasemateError(thrown);
  return `event: error\ndata: ${JSON.stringify(asDocument("Error", { code, message, next }))}\n\n`;
}

function describeTick(tick: FileWatchTick): readonly FileEvent[] {
  const at = tick.at.toISOString();
  const event = (fields: Omit<FileEvent, "apiVersion" | "kind" | "at">): FileEvent =>
    asDocument("FileEvent", { at, ...fields });
  const seen =
    tick.kind === "read"
      ? [event({ what: "read", files: tick.files })]
      : tick.events.map((each) => event(describeEvent(each)));
  const missed = tick.missed.map(({ what: path, code, reason }) =>
    event({ what: "missed", path, code, reason }),
  );
  return [...seen, ...missed];
}

function describeEvent(happened: HappenedToFile) {
  const { kind: what, path, inode } = happened;
  switch (happened.kind) {
    case "created":
    case "deleted":
      return { what, path, inode, stat: { ...happened.stat } };
    case "moved":
      return { what, path, inode, from: happened.from };
    case "contents":
      return { what, path, inode, ranges: happened.ranges.map((range) => ({ ...range })) };
    case "metadata":
      return { what, path, inode, changes: { ...happened.changes } };
  }
}
