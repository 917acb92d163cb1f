import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { CasemateError } from "@casemate/core";
import type { LibvirtConnection } from "../../libvirt/libvirt-connection.ts";
import { findQemuRun } from "../../pause/qemu-run.ts";
import type { ViewRecord } from "./view-record.ts";

/** Milliseconds between questions whether libvirt has ended its job, and how often it is asked. */
const askEvery = 50;
const MAX_ASKS = 600;

/** Makes calls on the host's libvirt, through its restarts. */
export type WithConnection = <T>(use: (connection: LibvirtConnection) => Promise<T>) => Promise<T>;

/**
 * Ends the view of this record and removes what it left. Only its own job is ended: the VM may have run into
 * another one meanwhile, somebody else's. Throws `libvirt/*`; then it is still to be ended.
 */
export async function endView(record: ViewRecord, connect: WithConnection): Promise<void> {
  const { run, scratch, directory } = record;
  // A run that has ended took its job with it.
  if (findQemuRun(run) !== undefined) await endJob(record, connect);
  for (const file of scratch) await rm(file, { force: true });
  await rm(directory, { recursive: true, force: true });
}

async function endJob({ run, socket }: ViewRecord, connect: WithConnection): Promise<void> {
  const isOurs = async (): Promise<boolean> => {
    try {
      const xml = await connect((connection) => connection.backupXml(run.uuid));
      return xml?.includes(socket) ?? false;
    } catch (thrown) {
      if (thrown instanceof CasemateError && thrown.code === "vm/unknown") return false;
      throw thrown;
    }
  };
  if (!(await isOurs())) return;
  await connect((connection) => connection.abortJob(run.uuid));
  for (let asked = 0; asked < MAX_ASKS; asked += 1) {
    if (!(await isOurs())) return;
    await sleep(askEvery);
  }
  throw new CasemateError(
    "libvirt/failed",
    `Cannot end the view of VM ${run.uuid}'s disks: libvirt's job goes on, expected it to end.`,
  );
}
