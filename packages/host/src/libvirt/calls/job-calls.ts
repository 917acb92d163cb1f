import { bytes, milliseconds } from "@casemate/core";
import type { CompletedJob, DomainJob } from "../domain-job.ts";
import { flagBits, type LibvirtFlags } from "../flags.ts";
import { virErrorNumber } from "../libvirt-error.ts";
import {
  type Address,
  type Out,
  takeTypedParameters,
  type VirDomainControlInfo,
  type VirDomainJobInfo,
} from "../prototypes.ts";
import { type Call, callFailed, checked, checkedRunning, onDomain } from "./call.ts";

/** virDomainJobType: none, bounded, unbounded, completed, failed, cancelled. */
const jobUnderWay: readonly number[] = [1, 2];

/** virDomainControlState: ok, a job, occupied by a command, an error. */
const control = { job: 1, occupied: 2, error: 3 } as const;

/** VIR_DOMAIN_CONTROL_ERROR_REASON_INTERNAL: a call that waits for something else than QEMU's answer. */
const waiting = 3;

/** VIR_DOMAIN_JOB_STATS_COMPLETED */
const completed = 1 << 0;

export const jobCalls = {
  /** Asks libvirt to end its job. */
  abortJob(call: Call, uuid: string): void {
    onDomain(call, uuid, "abort the job of", (dom, doing) =>
      checked(call, doing, call.lib.virDomainAbortJob(dom)),
    );
  },

  /** libvirt's job on the VM; undefined while there is none. */
  job(call: Call, uuid: string): DomainJob | undefined {
    const { lib, conn } = call;
    return onDomain(call, uuid, "read the job of", (dom, doing) => {
      const info = {} as VirDomainJobInfo; // libvirt fills it
      if (lib.virDomainGetJobInfo(dom, info) < 0) {
        const failed = callFailed(lib, doing, "libvirt/failed", conn);
        // A VM that does not run has no job, nor has any VM of a driver that knows none.
        const { number } = failed.failure;
        if (number === virErrorNumber.operationInvalid) return undefined;
        if (number === virErrorNumber.noSupport) return undefined;
        throw failed;
      }
      if (!jobUnderWay.includes(info.type)) return undefined;
      const sum = (all: unknown, memory: unknown, file: unknown): number =>
        Number(all) || Number(memory) + Number(file);
      return {
        elapsed: milliseconds(Number(info.timeElapsed)),
        done: bytes(sum(info.dataProcessed, info.memProcessed, info.fileProcessed)),
        total: bytes(sum(info.dataTotal, info.memTotal, info.fileTotal)),
      };
    });
  },

  /** Whether libvirt is in the middle of a call that changes the VM, whoever made it. */
  isOccupied(call: Call, uuid: string): boolean {
    const { lib, conn } = call;
    return onDomain(call, uuid, "read the control state of", (dom, doing) => {
      const info = {} as VirDomainControlInfo; // libvirt fills it
      if (lib.virDomainGetControlInfo(dom, info, 0) < 0) {
        const failed = callFailed(lib, doing, "libvirt/failed", conn);
        // A VM that does not run has no QEMU to wait for, nor has any VM of another driver.
        const { number } = failed.failure;
        if (number === virErrorNumber.operationInvalid) return false;
        if (number === virErrorNumber.noSupport) return false;
        throw failed;
      }
      const { state, details } = info;
      if (state === control.error) return details === waiting;
      return state === control.occupied || state === control.job;
    });
  },

  /** How the VM's last job ended, told once; undefined where libvirt has forgotten it. */
  completedJob(call: Call, uuid: string): CompletedJob | undefined {
    const { lib } = call;
    return onDomain(call, uuid, "read the last job of", (dom, doing) => {
      const type: Out<number> = [0];
      const params: Out<Address | null> = [null];
      const count: Out<number> = [0];
      checked(call, doing, lib.virDomainGetJobStats(dom, type, params, count, completed));
      const stats = takeTypedParameters(params[0], count[0]);
      const success = stats.get("success");
      if (typeof success !== "boolean") return undefined;
      const words = stats.get("errmsg");
      return { success, words: typeof words === "string" ? words : undefined };
    });
  },

  /** Begins to copy disks of a running VM; the job's end tells how it went. */
  beginBackup(call: Call, uuid: string, xml: string, flags: LibvirtFlags<"backup">): void {
    const bits = flagBits("backup", flags);
    onDomain(call, uuid, "back up the disks of", (dom, doing) =>
      checkedRunning(call, dom, doing, call.lib.virDomainBackupBegin(dom, xml, null, bits)),
    );
  },

  /** The backup under way, in libvirt's XML; undefined while there is none. */
  backupXml(call: Call, uuid: string): string | undefined {
    const { lib, conn } = call;
    return onDomain(call, uuid, "read the backup of", (dom, doing) => {
      const xml = lib.virDomainBackupGetXMLDesc(dom, 0);
      if (xml !== null) return xml;
      const failed = callFailed(lib, doing, "libvirt/failed", conn);
      const { number } = failed.failure;
      // A VM that does not run has none.
      if (number === virErrorNumber.noDomainBackup) return undefined;
      if (number === virErrorNumber.operationInvalid) return undefined;
      throw failed;
    });
  },
};
