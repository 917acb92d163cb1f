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

/** What guests of every kernel are asked, in this order: one guest is asked everything. */
export const commonTruths: readonly Truth[] = [
  ...socketsTruths,
  ...interfacesTruths,
  ...filesTruths,
  ...mapsTruths,
  ...mountsTruths,
  ...processMemoryTruths,
  ...readFileTruths,
];

/** Those and the ones that take longest, which the older kernels answer. */
export const allTruths: readonly Truth[] = [
  ...kernelTruths,
  ...processesTruths,
  ...threadsTruths,
  ...modulesTruths,
  ...commonTruths,
  ...bpfTruths,
  ...hooksTruths,
  ...logTruths,
];
