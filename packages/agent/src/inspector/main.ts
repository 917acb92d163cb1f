/**
 * The inspector: reads guests' memory for the agent, without a right of its own but the descriptors
 * it is handed. Requests come as frames on stdin, answers go as frames to stdout, in order; memory
 * comes over the local socket on descriptor 3. Its only argument is the agent's process id.
 */

import { closeSync } from "node:fs";
import { toCasemateError } from "@casemate/core";
import type { BlockReader } from "@casemate/formats/disk";
import {
  type DiskDescription,
  diskFrom,
  type GuestMemoryDescription,
  memoryFrom,
  receiveFds,
} from "@casemate/host";
import { attachWithDisks } from "./attach-with-disks.ts";
import { dieWithParent } from "./die-with-parent.ts";
import { dropPrivileges } from "./drop-privileges.ts";
import { encodeAnswer } from "./encode-answer.ts";
import { walkFrames } from "./frames.ts";
import { Guest } from "./guest.ts";
import type { InspectorAnswer, InspectorRequest, ViewReading } from "./messages.ts";

const memorySocket = 3;
const memoryTimeoutMs = 1_000;

const guests = new Map<string, Guest>();
/** What the last walk saw, until it is fetched. */
let walked: ViewReading | undefined;

function attached(key: string): Guest {
  const guest = guests.get(key);
  if (guest === undefined) throw new Error("Asked for a guest that was never attached.");
  return guest;
}

/** The disks of a guest, which are needed no longer than finding its kernel takes. */
function receiveDisks(): Disposable & { readonly readers: readonly BlockReader[] } {
  const { text, fds } = receiveFds(memorySocket, memoryTimeoutMs);
  const descriptions = JSON.parse(text) as readonly DiskDescription[]; // the agent is trusted, and wrote it
  const readers = descriptions.map((description) => diskFrom(description, fds));
  return {
    readers,
    [Symbol.dispose]() {
      for (const fd of fds) closeSync(fd);
    },
  };
}

async function answer(request: InspectorRequest): Promise<InspectorAnswer> {
  switch (request.ask) {
    case "attach": {
      const { text, fds } = receiveFds(memorySocket, memoryTimeoutMs);
      const description = JSON.parse(text) as GuestMemoryDescription; // the agent is trusted, and wrote it
      const memory = memoryFrom(description, fds);
      using disks = request.withDisks ? receiveDisks() : undefined;
      const readers = disks?.readers ?? [];
      const guest = await Guest.open(memory, (_, options) =>
        attachWithDisks(memory, readers, options),
      );
      guests.set(request.guest, guest);
      return { done: true };
    }
    case "view":
      return attached(request.guest).read(request.request);
    case "walk":
      walked = attached(request.guest).read(request.request);
      return { done: true };
    case "fetch": {
      const reading = walked;
      walked = undefined;
      if (reading === undefined) throw new Error("Asked for a walk that was never made.");
      return reading;
    }
    case "detach": {
      await guests.get(request.guest)?.[Symbol.asyncDispose]();
      guests.delete(request.guest);
      return { done: true };
    }
  }
}

dropPrivileges();
dieWithParent(Number(process.argv[2]));

for await (const frame of walkFrames(process.stdin)) {
  const request = frame as InspectorRequest; // the agent is trusted, and wrote it
  const answered = await answer(request).catch((thrown: unknown) => {
    const { code, message } = toCasemateError(thrown);
    return { error: { code, message } };
  });
  process.stdout.write(encodeAnswer(answered));
}
