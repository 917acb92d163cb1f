import { bpfTruths } from "./bpf.ts";
import { filesTruths } from "./files.ts";
import { hooksTruths } from "./hooks.ts";
import { interfacesTruths } from "./interfaces.ts";
import { kernelTruths } from "./kernel.ts";
import { logTruths } from "./log.ts";
import { mapsTruths } from "./maps.ts";
import { modulesTruths } from "./modules.ts";
import { mountsTruths } from "./mounts.ts";
import { processMemoryTruths } from "./process-memory.ts";
import { processesTruths } from "./processes.ts";
import { readFileTruths } from "./read-file.ts";
import { socketsTruths } from "./sockets.ts";
import { threadsTruths } from "./threads.ts";
import type { Truth } from "./truth.ts";

/**
 * What every guest is asked, in this order: modules are loaded before anything needs them, and what soon
 * changes comes last, so that a dump taken afterwards shows the same.
 */
export const allTruths: readonly Truth[] = [
  ...modulesTruths,
  ...hooksTruths,
  ...bpfTruths,
  ...mountsTruths,
  ...processMemoryTruths,
  ...readFileTruths,
  ...logTruths,
  ...mapsTruths,
  ...filesTruths,
  ...socketsTruths,
  ...interfacesTruths,
  ...threadsTruths,
  ...processesTruths,
  ...kernelTruths,
];
