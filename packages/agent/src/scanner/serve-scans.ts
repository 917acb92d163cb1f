import { formatBytes, toCasemateError } from "@casemate/core";
import type { LuksKey } from "@casemate/formats/disk";
import { type DiskDescription, diskFrom, receiveFds } from "@casemate/host";
import type { InventoryRows, Missed, Sections, SystemDisk, SystemScan } from "@casemate/scan";
import { inventory } from "@casemate/scan/inventory";
import { inventoryWith } from "@casemate/scan/inventory-with";
import { runningSections } from "@casemate/scan/running-sections";
import { runningSectionNames } from "@casemate/scan/running-tables";
// Not by the whole package: what matches advisories takes longer to load than a scan takes.
import { scanSystem } from "@casemate/scan/scan-system";
import type { YaraEngine } from "@casemate/scan/yara-engine";
import { encodeFrame, headBytes, maxFrameBytes } from "../confined/frames.ts";
import { fdSocket, fdTimeoutMs, serve } from "../confined/serve.ts";
import type { VmScanRows } from "../vm-scan.ts";
import type {
  PrepareRequest,
  ScanDisksRequest,
  ScannerAnswer,
  ScannerRequest,
} from "./messages.ts";

/** Gives up every right, then scans what the agent hands over. `engine` is needed where it asks with rules. */
export async function serveScans(engine?: YaraEngine): Promise<void> {
  const scanner = new Scanner(engine);
  await serve((request: ScannerRequest) => scanner.answer(request), encode);
}

/** One system's scan, in the steps that it is asked for. */
class Scanner {
  readonly #engine: YaraEngine | undefined;
  #sections: Sections<InventoryRows> = inventory;
  #key: LuksKey | undefined;
  readonly #disks: SystemDisk[] = [];
  readonly #missed: Missed[] = [];

  constructor(engine: YaraEngine | undefined) {
    this.#engine = engine;
  }

  async answer(request: ScannerRequest): Promise<ScannerAnswer> {
    switch (request.kind) {
      case "prepare":
        this.#prepare(request);
        return { done: true };
      case "open":
        this.#open();
        return { done: true };
      case "scan":
        return this.#scan(request);
    }
  }

  #prepare({ rules, everyFile, salt, passphrase }: PrepareRequest): void {
    const options = { rules, allFiles: everyFile, salt: bytesOf(salt), engine: this.#engine };
    this.#sections = inventoryWith(options).sections; // what it holds ends with the process
    const key = bytesOf(passphrase);
    this.#key = key === undefined ? undefined : { passphrase: key };
  }

  /** At once: QEMU hangs up on who connects and is silent for ten seconds. */
  #open(): void {
    const { text, fds } = receiveFds(fdSocket, fdTimeoutMs);
    const descriptions = JSON.parse(text) as readonly DiskDescription[]; // the agent is trusted, and wrote it
    for (const description of descriptions) {
      const { name } = description;
      try {
        this.#disks.push({ name, reader: diskFrom(description, fds, this.#key) });
      } catch (thrown) {
        const { code, message: reason } = toCasemateError(thrown);
        this.#missed.push({ what: `disk ${name}`, code, reason });
      }
    }
  }

  #scan({ budget, only, memory }: ScanDisksRequest): SystemScan<VmScanRows> {
    const options = { budget, key: this.#key };
    const scan =
      memory === undefined
        ? scanSystem(this.#disks, this.#sections, { ...options, only })
        : scanSystem<VmScanRows>(
            this.#disks,
            { ...this.#sections, ...runningSections(memory) },
            { ...options, only: only && [...only, ...runningSectionNames] },
          );
    return { ...scan, missed: [...this.#missed, ...scan.missed] };
  }
}

function bytesOf(base64: string | undefined): Buffer | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, "base64");
}

/** HOSTILE: a guest may have any number of rows. */
function encode(answered: ScannerAnswer): Buffer {
  const frame = encodeFrame(answered);
  if (frame.length - headBytes <= maxFrameBytes) return frame;
  const message = `Cannot send the scan: it takes ${formatBytes(frame.length)}, expected at most ${formatBytes(maxFrameBytes)}.`;
  return encodeFrame({ error: { code: "inspect/budget", message } });
}
