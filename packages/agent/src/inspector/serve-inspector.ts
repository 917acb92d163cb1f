import { closeSync } from "node:fs";
import type { BlockReader } from "@casemate/formats/disk";
import {
  type DiskDescription,
  diskFrom,
  type GuestMemoryDescription,
  memoryFrom,
  receiveFds,
} from "@casemate/host";
import type { Kernel } from "@casemate/inspect";
import type { YaraEngine } from "@casemate/scan/yara-engine";
import { fdSocket, fdTimeoutMs, serve } from "../confined/serve.ts";
import { chosenDetectors } from "../guest-sweep.ts";
import { attachWithDisks } from "./attach-with-disks.ts";
import { DiskFiles } from "./disk-files.ts";
import { encodeAnswer } from "./encode-answer.ts";
import { forgetForRoom } from "./forget-for-room.ts";
import { Guest } from "./guest.ts";
import { liveBytes } from "./live-bytes.ts";
import type { InspectorAnswer, InspectorRequest, ViewReading } from "./messages.ts";
import { ruleMatcher } from "./rule-matcher.ts";

const guests = new Map<string, Guest>();
/** What the last walk saw, until it is fetched. */
let walked: ViewReading | undefined;
/** What puts memory to rules, where this inspector may be asked to. */
let yara: YaraEngine | undefined;

/** Gives up every right, then reads guests' memory for the agent. `engine` is needed where it sweeps with rules. */
export async function serveInspector(engine?: YaraEngine): Promise<void> {
  yara = engine;
  await serve(answer, encodeAnswer);
}

function attached(key: string): Guest {
  const guest = guests.get(key);
  if (guest === undefined) throw new Error("Asked for a guest that was never attached.");
  return guest;
}

/** The other guests that one may be compared with. */
function peersOf(key: string): readonly Kernel[] {
  return [...guests].flatMap(([other, { comparable }]) =>
    other === key || comparable === undefined ? [] : [comparable],
  );
}

/** The disks of a guest, which are needed no longer than what they are sent for takes. */
function receiveDisks(): Disposable & { readonly readers: readonly BlockReader[] } {
  const { text, fds } = receiveFds(fdSocket, fdTimeoutMs);
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
      const { text, fds } = receiveFds(fdSocket, fdTimeoutMs);
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
    case "sweep": {
      using disks = request.withDisks ? receiveDisks() : undefined;
      const files = disks === undefined ? undefined : new DiskFiles(disks.readers);
      const { detectors: ids, rules, allMemory = false } = request.request;
      using signatures = rules && ruleMatcher(rules, { allMemory, engine: yara });
      const detectors = chosenDetectors(ids);
      const given = { files, signatures, peers: peersOf(request.guest) };
      const swept = await attached(request.guest).sweep(detectors, request.request, given);
      const others = [...guests].flatMap(([key, each]) => (key === request.guest ? [] : [each]));
      forgetForRoom(others, liveBytes());
      return swept;
    }
    case "interview": {
      const { guest, request: order, answers } = request;
      return {
        questions: attached(guest).askNext(chosenDetectors(order.detectors), order, answers),
      };
    }
    case "glance":
      return { glance: attached(request.guest).glance(request.budget) };
    case "pages":
      return attached(request.guest).readPages(request.request);
    case "detach": {
      await guests.get(request.guest)?.[Symbol.asyncDispose]();
      guests.delete(request.guest);
      return { done: true };
    }
  }
}
