import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { basename } from "node:path";
import { CasemateError } from "@casemate/core";

/** Names of QEMU's system emulators: upstream and Debian, and Red Hat's. */
const EMULATOR = /^(qemu-system-[a-z0-9_]+|qemu-kvm)( \(deleted\))?$/;

/**
 * The pid, as this process counts pids, of the QEMU process that runs the VM with this UUID; in
 * other PID and mount namespaces too.
 *
 * A process counts by the file it executes, which must be an emulator that only root may change, and
 * by an argument `-uuid UUID`; its name alone says nothing, for any user may choose it. (An emulator
 * upgraded while the VM runs shows as deleted, and counts.) Throws `vm/not-running` when there is
 * none, `vm/unknown` when there are several, `memory/not-permitted` when one that fits may not be seen.
 */
export function findQemuProcess(uuid: string): number {
  const wanted = uuid.toLowerCase();
  const found: number[] = [];
  let hidden = 0;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name) || !readArguments(name, wanted)) continue;
    const emulator = isEmulator(name);
    if (emulator === true) found.push(Number(name));
    else if (emulator === undefined) hidden += 1;
  }
  const [pid] = found;
  if (pid !== undefined && found.length === 1) return pid;
  if (found.length > 1) {
    throw new CasemateError(
      "vm/unknown",
      `Cannot tell which process runs VM ${uuid}: processes ${found.join(", ")} all say so, expected one.`,
    );
  }
  if (hidden > 0) {
    throw new CasemateError(
      "memory/not-permitted",
      `Cannot find the process of VM ${uuid}: its executable may not be looked at, expected the right to.`,
    );
  }
  throw new CasemateError(
    "vm/not-running",
    `Cannot find the process of VM ${uuid}: no QEMU on this host runs it, expected one.`,
  );
}

/** Whether the process was started with `-uuid UUID`. */
function readArguments(pid: string, uuid: string): boolean {
  let parts: readonly string[];
  try {
    parts = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return false; // ended since the directory was listed
  }
  return parts.some((part, i) => part === "-uuid" && parts[i + 1]?.toLowerCase() === uuid);
}

/** Whether the process executes an emulator that only root may change; `undefined` if that is hidden. */
function isEmulator(pid: string): boolean | undefined {
  const link = `/proc/${pid}/exe`;
  try {
    if (!EMULATOR.test(basename(readlinkSync(link)))) return false;
    const { uid, mode } = statSync(link); // the very file, whatever its name leads to here
    return uid === 0 && (mode & 0o022) === 0;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    return code === "EACCES" || code === "EPERM" ? undefined : false;
  }
}
