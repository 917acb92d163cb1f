/**
 * The scanner: reads one system's disks for the agent, without a right of its own but the descriptors it is
 * handed: files and connected sockets come over the local socket on descriptor 3.
 */

import { formatBytes, toCasemateError } from "@casemate/core";
import { type DiskDescription, diskFrom, receiveFds } from "@casemate/host";
import type { Missed, SystemDisk, SystemScan } from "@casemate/scan";
import { inventory } from "@casemate/scan/inventory";
import { runningSections } from "@casemate/scan/running-sections";
import { runningSectionNames } from "@casemate/scan/running-tables";
// Not by the whole package: what matches advisories takes longer to load than a scan takes.
import { scanSystem } from "@casemate/scan/scan-system";
import { encodeFrame, headBytes, maxFrameBytes } from "../confined/frames.ts";
import { fdSocket, fdTimeoutMs, serve } from "../confined/serve.ts";
import type { VmScanRows } from "../vm-scan.ts";
import type { ScannerAnswer, ScannerRequest } from "./messages.ts";

async function answer(request: ScannerRequest): Promise<ScannerAnswer> {
  const { text, fds } = receiveFds(fdSocket, fdTimeoutMs);
  const descriptions = JSON.parse(text) as readonly DiskDescription[]; // the agent is trusted, and wrote it
  const disks: SystemDisk[] = [];
  const missed: Missed[] = [];
  for (const description of descriptions) {
    const { name } = description;
    try {
      disks.push({ name, reader: diskFrom(description, fds) });
    } catch (thrown) {
      const { code, message: reason } = toCasemateError(thrown);
      missed.push({ what: `disk ${name}`, code, reason });
    }
  }
  const scan = look(disks, request);
  return { ...scan, missed: [...missed, ...scan.missed] };
}

function look(
  disks: readonly SystemDisk[],
  { budget, only, memory }: ScannerRequest,
): SystemScan<VmScanRows> {
  if (memory === undefined) return scanSystem(disks, inventory, { budget, only });
  const sections = { ...inventory, ...runningSections(memory) };
  return scanSystem<VmScanRows>(disks, sections, {
    budget,
    only: only === undefined ? undefined : [...only, ...runningSectionNames],
  });
}

/** HOSTILE: a guest may have any number of rows. */
function encode(answered: ScannerAnswer): Buffer {
  const frame = encodeFrame(answered);
  if (frame.length - headBytes <= maxFrameBytes) return frame;
  const message = `Cannot send the scan: it takes ${formatBytes(frame.length)}, expected at most ${formatBytes(maxFrameBytes)}.`;
  return encodeFrame({ error: { code: "inspect/budget", message } });
}

await serve(answer, encode);
