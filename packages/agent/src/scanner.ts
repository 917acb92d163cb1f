import { join } from "node:path";
import { CasemateError, GiB, MiB } from "@casemate/core";
import { type OpenDisks, sendFds } from "@casemate/host";
import type { RunningMemory, SystemScan } from "@casemate/scan";
import { startConfinedProcess } from "./confined/confined-process.ts";
import type { ScannerAnswer, ScannerRequest } from "./scanner/messages.ts";
import { parseScan } from "./scanner/parse-scan.ts";
import type { ScanRequest, VmScanRows } from "./vm-scan.ts";

/** Beyond its budget, to notice by itself that this is used up; in milliseconds. */
const graceMs = 5_000;
/** To start and to compile rules, and to open disks with what LUKS has a passphrase tried by; in milliseconds. */
const limits = { prepareMs: 150_000, openMs: 120_000 };
/** What a scanner may use with a passphrase: LUKS has it tried with up to 1 GiB. */
const OWN_BYTES_WITH_KEY = 512 * MiB + GiB;

export type ScannerOptions = Pick<ScanRequest, "rules" | "everyFile" | "salt" | "passphrase">;

export interface ConfinedScanRequest extends Pick<ScanRequest, "only" | "budget"> {
  /** The same system's, to tell what of the disks runs besides. */
  readonly memory?: RunningMemory | undefined;
}

/** A process without rights that scans one system and sees no other; disposing ends it. */
export interface Scanner extends AsyncDisposable {
  /** Takes the disks, whose descriptors stay the caller's, and begins to talk to who serves them. */
  open(disks: OpenDisks, signal?: AbortSignal): Promise<void>;
  /** What is on the disks. Throws `inspect/budget`, `inspect/crashed`, `disk/*`, and why `signal` was aborted. */
  scan(request: ConfinedScanRequest, signal?: AbortSignal): Promise<SystemScan<VmScanRows>>;
}

/** Starts a scanner and waits until it is ready. Throws `rules/malformed`, `inspect/*`, and why `signal` was aborted. */
export async function startScanner(
  { rules, everyFile, salt, passphrase }: ScannerOptions,
  signal?: AbortSignal,
): Promise<Scanner> {
  await using undo = new AsyncDisposableStack();
  const scanner = undo.use(
    startConfinedProcess<ScannerRequest, ScannerAnswer>({
      name: "scanner",
      main: join(import.meta.dirname, "scanner", rules ? "main-with-rules.ts" : "main.ts"),
      ...(passphrase === undefined ? {} : { ownBytes: OWN_BYTES_WITH_KEY }),
      parse: parseScan,
    }),
  );
  const ask = async (request: ScannerRequest, limitMs: number, stop?: AbortSignal) => {
    const answer = await scanner.ask(request, limitMs, stop);
    if ("error" in answer) throw new CasemateError(answer.error.code, answer.error.message);
    return answer;
  };
  const secrets = { salt: base64Of(salt), passphrase: base64Of(passphrase) };
  await ask({ kind: "prepare", rules, everyFile, ...secrets }, limits.prepareMs, signal);
  const owned = undo.move();
  return {
    async open({ disks, fds }, stop) {
      sendFds(scanner.socket, JSON.stringify(disks), fds);
      await ask({ kind: "open" }, limits.openMs, stop);
    },
    async scan(request, stop) {
      const answer = await ask({ kind: "scan", ...request }, request.budget + graceMs, stop);
      if ("found" in answer) return answer;
      throw new CasemateError(
        "inspect/crashed",
        "Cannot take the scanner's answer: it is of another question, expected a scan.",
      );
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const base64Of = (bytes: Uint8Array | undefined) =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString("base64");
