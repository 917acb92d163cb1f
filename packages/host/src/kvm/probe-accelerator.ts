import { type ExecFileException, execFile } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CasemateError } from "@casemate/core";
import { ioctl } from "../memory/libc.ts";
import { BOOT_SECTOR_PASSED, buildBootSector } from "./boot-sector.ts";

/** What guests on this host run with, and why. */
export interface Accelerator {
  readonly kind: "kvm" | "tcg";
  /** One sentence without a full stop at its end: `/dev/kvm is not there`. */
  readonly reason: string;
}

const DEVICE = "/dev/kvm";
/** KVM_GET_API_VERSION, _IO(0xae, 0x00), and the version that every kernel since 2.6.22 gives. */
const KVM_GET_API_VERSION = 0xae00;
const KVM_API_VERSION = 12;

/** How long the boot sector may take; with a KVM that works it takes some 0.1 s. */
const LIMIT_MILLISECONDS = 5000;
const VERDICT_FILE = "accelerator.json";

/**
 * Which accelerator guests can really run with: a boot sector is run under KVM, for a `/dev/kvm` that
 * opens may still be unable to run a guest.
 *
 * The answer is kept in `directory` until the machine boots again or the device changes. Throws
 * `system/missing` when QEMU cannot run a guest even without KVM, and the signal's reason.
 */
export async function probeAccelerator(
  directory: string,
  signal?: AbortSignal,
): Promise<Accelerator> {
  const unusable = checkDevice();
  if (unusable !== undefined) return { kind: "tcg", reason: unusable };
  const occasion = await describeOccasion();
  const known = await readVerdict(directory, occasion);
  if (known !== undefined) return known;
  const verdict = await tryGuest(signal);
  await writeVerdict(directory, occasion, verdict);
  return verdict;
}

/** Why the device cannot be used, as far as asking it tells. */
function checkDevice(): string | undefined {
  let fd: number;
  try {
    fd = openSync(DEVICE, constants.O_RDWR);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    if (code === "ENOENT") return `${DEVICE} is not there`;
    if (code === "EACCES" || code === "EPERM") return `this user may not open ${DEVICE}`;
    return `${DEVICE} does not open (${code})`;
  }
  try {
    const version = ioctl(fd, KVM_GET_API_VERSION, 0);
    if (version === KVM_API_VERSION) return undefined;
    return `${DEVICE} speaks API version ${version}, not ${KVM_API_VERSION}`;
  } finally {
    closeSync(fd);
  }
}

async function tryGuest(signal: AbortSignal | undefined): Promise<Accelerator> {
  const directory = await mkdtemp(join(tmpdir(), "casemate-kvm-"));
  try {
    const disk = join(directory, "boot-sector");
    await writeFile(disk, buildBootSector());
    const fault = await bootWith("kvm", disk, signal);
    if (fault === undefined) return { kind: "kvm", reason: "a guest ran under KVM" };
    // The same sector without KVM: if that fails too, KVM is not to blame.
    const control = await bootWith("tcg", disk, signal);
    if (control === undefined) {
      return { kind: "tcg", reason: `${DEVICE} opens, but ${fault} under KVM` };
    }
    throw new CasemateError(
      "system/missing",
      `Cannot run a test guest: ${control} without KVM, expected QEMU to run it.`,
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What went wrong with the boot sector; `undefined` when it got to its end. */
function bootWith(
  accelerator: "kvm" | "tcg",
  disk: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const args = ["-accel", accelerator, "-cpu", "max", "-machine", "pc", "-m", "16"];
  args.push("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none");
  args.push("-drive", `file=${disk},format=raw,if=ide,snapshot=on`);
  args.push("-device", "isa-debug-exit,iobase=0xf4,iosize=4");
  const limits = { timeout: LIMIT_MILLISECONDS, killSignal: "SIGKILL" } as const;
  return new Promise((resolve, reject) => {
    const ended = (error: ExecFileException | null, _stdout: string, stderr: string) => {
      if (signal?.aborted) reject(signal.reason);
      else resolve(explain(error, stderr));
    };
    const options = { ...limits, ...(signal === undefined ? {} : { signal }) };
    // Should this process be killed meanwhile, the kernel ends the guest, which may be spinning.
    const guarded = ["--pdeathsig", "KILL", "qemu-system-x86_64", ...args];
    execFile("setpriv", guarded, options, ended);
  });
}

function explain(error: ExecFileException | null, stderr: string): string | undefined {
  if (error?.code === BOOT_SECTOR_PASSED) return undefined;
  if (error?.code === "ENOENT") return "setpriv is not there";
  if (error?.code === 127) return "qemu-system-x86_64 is not there";
  if (error?.killed === true) {
    return `a test guest did not finish within ${LIMIT_MILLISECONDS / 1000} s`;
  }
  const words = stderr.trim().split("\n").at(-1)?.slice(0, 200) ?? "";
  const status = `QEMU ended with status ${error?.code ?? error?.signal ?? 0}`;
  return words === "" ? status : `${status} (${words})`;
}

/** What a verdict holds for: this boot of the machine, this device, this user, this QEMU. */
async function describeOccasion(): Promise<string> {
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
  const device = await stat(DEVICE);
  const qemu = await stat("/usr/bin/qemu-system-x86_64").catch(() => undefined);
  const identity = [device.rdev, device.mode, device.uid, device.gid, device.ctimeMs];
  return [boot.trim(), ...identity, process.geteuid?.(), qemu?.ino, qemu?.mtimeMs].join(" ");
}

async function readVerdict(directory: string, occasion: string): Promise<Accelerator | undefined> {
  try {
    const kept: unknown = JSON.parse(await readFile(join(directory, VERDICT_FILE), "utf8"));
    if (typeof kept !== "object" || kept === null) return undefined;
    const { occasion: then, kind, reason } = { occasion: "", kind: "", reason: "", ...kept };
    if (then !== occasion || (kind !== "kvm" && kind !== "tcg")) return undefined;
    return typeof reason === "string" ? { kind, reason } : undefined;
  } catch {
    return undefined; // not there, or not ours: it is found out again
  }
}

async function writeVerdict(directory: string, occasion: string, verdict: Accelerator) {
  const path = join(directory, VERDICT_FILE);
  const own = `${path}.${process.pid}`;
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(own, `${JSON.stringify({ occasion, ...verdict })}\n`);
    await rename(own, path);
  } catch {
    // A directory that may not be written costs the next caller the trial again, no more.
  }
}
