import type { Operation } from "../spine/operation.ts";
import { attachDisk } from "./attach-disk.ts";
import { attachNic } from "./attach-nic.ts";
import { changeMedia } from "./change-media.ts";
import { checkVm } from "./check-vm.ts";
import { cloneVm } from "./clone-vm.ts";
import { cutProcess } from "./cut-process.ts";
import { defineVm } from "./define-vm.ts";
import { deleteSnapshot } from "./delete-snapshot.ts";
import { deleteVm } from "./delete-vm.ts";
import { detachDisk } from "./detach-disk.ts";
import { detachNic } from "./detach-nic.ts";
import { exportVm } from "./export-vm.ts";
import { followVm } from "./follow-vm.ts";
import { freezeProcess } from "./freeze-process.ts";
import { importVm } from "./import-vm.ts";
import { inspectVm } from "./inspect-vm.ts";
import { isolateVm } from "./isolate-vm.ts";
import { killProcess } from "./kill-process.ts";
import { killVm } from "./kill-vm.ts";
import { labelVm } from "./label-vm.ts";
import { openConsole } from "./open-console.ts";
import { pauseVm } from "./pause-vm.ts";
import { rejoinProcess } from "./rejoin-process.ts";
import { releaseVm } from "./release-vm.ts";
import { renameVm } from "./rename-vm.ts";
import { resetVm } from "./reset-vm.ts";
import { resizeVm } from "./resize-vm.ts";
import { restoreVm } from "./restore-vm.ts";
import { resumeVm } from "./resume-vm.ts";
import { revertVm } from "./revert-vm.ts";
import { snapshotVm } from "./snapshot-vm.ts";
import { startVm } from "./start-vm.ts";
import { stopVm } from "./stop-vm.ts";
import { thawProcess } from "./thaw-process.ts";

/** Everything that can be done to VMs, but what is made with a part of the control plane. */
export const operations: readonly Operation[] = [
  defineVm,
  startVm,
  stopVm,
  killVm,
  resetVm,
  pauseVm,
  resumeVm,
  snapshotVm,
  deleteSnapshot,
  restoreVm,
  cloneVm,
  attachDisk,
  detachDisk,
  attachNic,
  detachNic,
  isolateVm,
  releaseVm,
  killProcess,
  freezeProcess,
  thawProcess,
  cutProcess,
  rejoinProcess,
  changeMedia,
  resizeVm,
  renameVm,
  labelVm,
  deleteVm,
  exportVm,
  importVm,
  openConsole,
  inspectVm,
  checkVm,
  followVm,
];

/** What there is to ask for, as a client sees it: nothing of the control plane is behind it. */
export const offered: readonly Operation[] = [...operations, revertVm({ of: async () => [] })];
