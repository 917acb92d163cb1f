import { agentAnswers } from "./agent-answers.ts";
import { agentFiles } from "./agent-files.ts";
import { constantPointers } from "./constant-pointers.ts";
import type { Detector } from "./detector.ts";
import { foreignCode } from "./foreign-code.ts";
import { forgedCredentials } from "./forged-credentials.ts";
import { functionTables } from "./function-tables.ts";
import { hiddenBpf } from "./hidden-bpf.ts";
import { hiddenModules } from "./hidden-modules.ts";
import { hiddenMounts } from "./hidden-mounts.ts";
import { hiddenProcesses } from "./hidden-processes.ts";
import { hiddenSockets } from "./hidden-sockets.ts";
import { inodeTables } from "./inode-tables.ts";
import { interruptDescriptors } from "./interrupt-descriptors.ts";
import { kernelHooks } from "./kernel-hooks.ts";
import { kernelSettings } from "./kernel-settings.ts";
import { kernelText } from "./kernel-text.ts";
import { moduleText } from "./module-text.ts";
import { nestedHypervisor } from "./nested-hypervisor.ts";
import { networkTaps } from "./network-taps.ts";
import { pageTables } from "./page-tables.ts";
import { preloadedLibraries } from "./preloaded-libraries.ts";
import { programText } from "./program-text.ts";
import { signatures } from "./signatures.ts";
import { systemCalls } from "./system-calls.ts";
import { unlistedObjects } from "./unlisted-objects.ts";

/** A detector of which only itself knows what it reads. */
// biome-ignore lint/suspicious/noExplicitAny: a check takes its own classes' readers; `DataClass` would ask for all
export type AnyDetector = Detector<any>;

/** Every detector, in the order people meet them. */
export const detectors: readonly AnyDetector[] = [
  hiddenProcesses,
  hiddenModules,
  hiddenSockets,
  hiddenMounts,
  hiddenBpf,
  unlistedObjects,
  forgedCredentials,
  foreignCode,
  programText,
  preloadedLibraries,
  signatures,
  kernelText,
  moduleText,
  systemCalls,
  interruptDescriptors,
  functionTables,
  inodeTables,
  constantPointers,
  kernelHooks,
  kernelSettings,
  pageTables,
  networkTaps,
  nestedHypervisor,
  agentAnswers,
  agentFiles,
];

const dear = new Set(detectors.filter(({ cost }) => cost === "high").map(({ id }) => id));

/** Whether the detector with this id is of high cost. */
export function isDear(detector: string): boolean {
  return dear.has(detector);
}

const remembering = new Set(detectors.filter(({ remembers }) => remembers).map(({ id }) => id));

/** Whether the detector with this id remembers what can be read nowhere any more. */
export function isRemembering(detector: string): boolean {
  return remembering.has(detector);
}

/** Those that need nothing of whoever asks but leave to read: what looks unless it is told. */
export const usualDetectors: readonly AnyDetector[] = detectors.filter(
  ({ given }) => given === undefined,
);
