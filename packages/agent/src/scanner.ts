import { join } from "node:path";
import { CasemateError } from "@casemate/core";
import { type OpenDisks, sendFds } from "@casemate/host";
import type { SystemScan } from "@casemate/scan";
import { startConfinedProcess } from "./confined/confined-process.ts";
import type { ScannerAnswer, ScannerRequest } from "./scanner/messages.ts";
import { parseScan } from "./scanner/parse-scan.ts";
import type { VmScanRows } from "./vm-scan.ts";

/** What the scanner gets to start, and to notice by itself that its budget is used up; in milliseconds. */
const graceMs = 5_000;

/**
 * What is on the disks, whose descriptors stay the caller's: read by a process without rights that sees no
 * other system. Throws `inspect/budget`, `inspect/crashed`, `disk/*`, and why `signal` was aborted.
 */
export async function scanConfined(
  { disks, fds }: OpenDisks,
  request: ScannerRequest,
  signal?: AbortSignal,
): Promise<SystemScan<VmScanRows>> {
  await using scanner = startConfinedProcess<ScannerRequest, ScannerAnswer>({
    name: "scanner",
    main: join(import.meta.dirname, "scanner", "main.ts"),
    parse: parseScan,
  });
  sendFds(scanner.socket, JSON.stringify(disks), fds);
  const answer = await scanner.ask(request, request.budget + graceMs, signal);
  if ("error" in answer) throw new CasemateError(answer.error.code, answer.error.message);
  return answer;
}
