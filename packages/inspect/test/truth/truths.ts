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

/** All that guests are asked, in this order: one guest is asked everything. */
export const truths: readonly Truth[] = [
  ...kernelTruths,
  ...processesTruths,
  ...threadsTruths,
  ...modulesTruths,
  ...socketsTruths,
  ...interfacesTruths,
  ...filesTruths,
  ...mapsTruths,
  ...mountsTruths,
  ...processMemoryTruths,
  ...readFileTruths,
  ...bpfTruths,
  ...hooksTruths,
  ...logTruths,
];
