/**
 * The follower: knows the files of one running system by the bytes of its disks, without a right of its own but
 * the connected sockets it is handed over the local socket on descriptor 3.
 */

import { closeSync } from "node:fs";
import { formatBytes } from "@casemate/core";
import { type DiskDescription, diskFrom, receiveFds } from "@casemate/host";
import { SystemIndex } from "@casemate/scan";
import { encodeFrame, headBytes, maxFrameBytes } from "../confined/frames.ts";
import { fdSocket, fdTimeoutMs, serve } from "../confined/serve.ts";
import type { FollowerAnswer, FollowerRequest } from "./messages.ts";

let index: SystemIndex | undefined;

async function answer(request: FollowerRequest): Promise<FollowerAnswer> {
  const { text, fds } = receiveFds(fdSocket, fdTimeoutMs);
  try {
    const descriptions = JSON.parse(text) as readonly DiskDescription[]; // the agent is trusted, and wrote it
    const disks = descriptions.map((each) => ({ name: each.name, reader: diskFrom(each, fds) }));
    if (request.kind === "index" || index === undefined) {
      index = new SystemIndex(disks);
      return { files: index.files, missed: index.missed };
    }
    return index.update(disks, request.written);
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

/** HOSTILE: a guest may change any number of files at once. */
function encode(answered: FollowerAnswer): Buffer {
  const frame = encodeFrame(answered);
  if (frame.length - headBytes <= maxFrameBytes) return frame;
  const message = `Cannot send what happened: it takes ${formatBytes(frame.length)}, expected at most ${formatBytes(maxFrameBytes)}.`;
  return encodeFrame({ error: { code: "inspect/budget", message } });
}

await serve(answer, encode);
