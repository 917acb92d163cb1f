import { agentAnswersCases } from "./cases/agent-answers.ts";
import { agentFilesCases } from "./cases/agent-files.ts";
import { constantPointersCases } from "./cases/constant-pointers.ts";
import { foreignCodeCases } from "./cases/foreign-code.ts";
import { forgedCredentialsCases } from "./cases/forged-credentials.ts";
import { functionTablesCases } from "./cases/function-tables.ts";
import { hiddenBpfCases } from "./cases/hidden-bpf.ts";
import { hiddenModulesCases } from "./cases/hidden-modules.ts";
import { hiddenMountsCases } from "./cases/hidden-mounts.ts";
import { hiddenProcessesCases } from "./cases/hidden-processes.ts";
import { hiddenSocketsCases } from "./cases/hidden-sockets.ts";
import { inodeTablesCases } from "./cases/inode-tables.ts";
import { interruptDescriptorsCases } from "./cases/interrupt-descriptors.ts";
import { kernelHooksCases } from "./cases/kernel-hooks.ts";
import { kernelSettingsCases } from "./cases/kernel-settings.ts";
import { kernelTextCases } from "./cases/kernel-text.ts";
import { moduleTextCases } from "./cases/module-text.ts";
import { nestedHypervisorCases } from "./cases/nested-hypervisor.ts";
import { networkTapsCases } from "./cases/network-taps.ts";
import { pageTablesCases } from "./cases/page-tables.ts";
import { preloadedLibrariesCases } from "./cases/preloaded-libraries.ts";
import { programTextCases } from "./cases/program-text.ts";
import { signaturesCases } from "./cases/signatures.ts";
import { systemCallsCases } from "./cases/system-calls.ts";
import { unlistedObjectsCases } from "./cases/unlisted-objects.ts";
import type { DetectorCase } from "./detector-case.ts";

/** Every case, in the order of the detectors. */
export const cases: readonly DetectorCase[] = [
  ...hiddenProcessesCases,
  ...hiddenModulesCases,
  ...hiddenSocketsCases,
  ...hiddenMountsCases,
  ...hiddenBpfCases,
  ...unlistedObjectsCases,
  ...forgedCredentialsCases,
  ...foreignCodeCases,
  ...programTextCases,
  ...preloadedLibrariesCases,
  ...signaturesCases,
  ...systemCallsCases,
  ...interruptDescriptorsCases,
  ...functionTablesCases,
  ...inodeTablesCases,
  ...constantPointersCases,
  ...kernelHooksCases,
  ...kernelSettingsCases,
  ...pageTablesCases,
  ...kernelTextCases,
  ...moduleTextCases,
  ...networkTapsCases,
  ...nestedHypervisorCases,
  ...agentAnswersCases,
  ...agentFilesCases,
];
