import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { CasemateError, MiB } from "@casemate/core";
import type { QemuMonitor } from "@casemate/host";
import { fastUnderTcg } from "./fast-under-tcg.ts";
import { GuestConsole } from "./guest-console.ts";
import { ensureImage, type ImageOptions, type LabImage } from "./image/ensure-image.ts";
import type { Kernel } from "./image/kernel.ts";
import { makeInitramfs } from "./image/make-initramfs.ts";
import { makeOverlay } from "./make-overlay.ts";
import { qmpCommand } from "./qmp-command.ts";
import { type TestGuestHardware, testGuestArguments } from "./test-guest-arguments.ts";

export interface TestGuestOptions extends ImageOptions {
  /** The image's own kernel unless another is given. */
  readonly kernel?: Kernel;
  readonly memoryMiB?: number;
  /**
   * QEMU's `-cpu`; `max` has five-level paging, `max,la57=off` and `qemu64` do not. Without KVM it should
   * have `cx16=off`: QEMU 7.2 breaks the flags of cmpxchg16b, and kernels that use it crash now and then.
   */
  readonly cpu?: string;
  readonly machine?: "q35" | "pc";
  /** RAM in a memfd that others can map, or private to QEMU. */
  readonly sharedMemory?: boolean;
  readonly accelerator?: "kvm" | "tcg";
  /** Boots the image's Debian as this role; without it the guest lives in its initramfs (faster). */
  readonly role?: "web" | "db" | "build";
  /** Added to the kernel command line. */
  readonly append?: string;
  /** Modules that the initramfs loads instead of the usual ones. */
  readonly modules?: readonly string[];
  /** With a role: modules of another kernel than the image's that the guest can load when it wants to. */
  readonly diskModules?: readonly string[];
}

/** A running QEMU without libvirt, gone when disposed of or when this process ends. */
export interface TestGuest extends AsyncDisposable {
  readonly pid: number;
  readonly uuid: string;
  readonly kernel: Kernel;
  readonly memoryMiB: number;
  /** A root shell; it answers. */
  readonly console: GuestConsole;
  /** Path of QEMU's QMP socket; it serves one client at a time. */
  readonly qmpSocket: string;
  readonly monitor: QemuMonitor;
  /**
   * Writes the guest's RAM as a raw image while the guest is stopped. For guests up to 2 GiB: above,
   * RAM is not in one piece.
   */
  dump(file: string): Promise<void>;
}

/** Boots a guest for a test and waits until its shell answers (3 to 10 s without KVM). */
export async function bootTestGuest(
  options: TestGuestOptions,
  signal?: AbortSignal,
): Promise<TestGuest> {
  const image = await ensureImage(options, signal);
  await using undo = new AsyncDisposableStack();
  const directory = await mkdtemp(path.join(tmpdir(), "casemate-guest-"));
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  const kernel = options.kernel ?? image.kernel;
  const hardware: TestGuestHardware = {
    uuid: randomUUID(),
    memoryMiB: options.memoryMiB ?? 256,
    cpu: options.cpu ?? "max,cx16=off",
    machine: options.machine ?? "q35",
    sharedMemory: options.sharedMemory ?? true,
    accelerator: options.accelerator ?? "tcg",
    vmlinuz: kernel.vmlinuz,
    initramfs: await prepareInitramfs(directory, image, options),
    cmdline: formatCmdline(options),
    disk: await prepareDisk(directory, image, options, signal),
    bootLog: path.join(directory, "boot.log"),
    consoleSocket: path.join(directory, "console"),
    qmpSocket: path.join(directory, "qmp"),
  };
  const { pid, ended, words } = startQemu(hardware, undo);
  try {
    const waits = AbortSignal.any([ended, ...(signal === undefined ? [] : [signal])]);
    const console = undo.use(await GuestConsole.open(hardware.consoleSocket, waits));
    await console.waitUntilReady(signal);
    const owned = undo.move();
    return {
      ...hardware,
      pid,
      kernel,
      console,
      monitor: monitorAt(hardware.qmpSocket),
      dump: (to) => dump(hardware, to),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    const said = await readFile(hardware.bootLog, "utf8").catch(() => "");
    throw new CasemateError(
      "lab/build-failed",
      `Cannot boot a test guest: QEMU ended and said "${words()}", the guest "${said.slice(-500)}".`,
      { cause },
    );
  }
}

const monitorAt = (socket: string): QemuMonitor => ({
  hmp: async (line) =>
    String(await qmpCommand(socket, "human-monitor-command", { "command-line": line })),
  qmp: ({ execute }) => qmpCommand(socket, execute),
});

/** Starts QEMU, which ends with `undo` or with this process. */
function startQemu(hardware: TestGuestHardware, undo: AsyncDisposableStack) {
  const command = ["--pdeathsig", "KILL", "qemu-system-x86_64", ...testGuestArguments(hardware)];
  const qemu = spawn("setpriv", command, { stdio: ["ignore", "ignore", "pipe"], detached: true });
  let words = "";
  qemu.stderr.on("data", (text) => (words += text));
  const ended = new AbortController();
  const exited = new Promise<void>((resolve) => {
    qemu.once("error", () => resolve()).once("exit", () => resolve());
  }).then(() => ended.abort());
  undo.defer(async () => {
    qemu.kill("SIGKILL");
    await exited;
  });
  return { pid: qemu.pid ?? 0, ended: ended.signal, words: () => words.trim() };
}

function formatCmdline({ role, append, accelerator }: TestGuestOptions): string {
  return [
    // A guest that cannot start ends QEMU instead of waiting for nobody.
    "panic=-1 console=ttyS0 quiet cryptomgr.notests casemate.hostname=guest",
    ...(accelerator === "kvm" ? [] : [fastUnderTcg.cmdline]),
    ...(role === undefined ? [] : [`root=/dev/vda casemate.role=${role}`]),
    ...(append === undefined ? [] : [append]),
  ].join(" ");
}

/** The image's initramfs, or one of the guest's own where the kernel or the modules are others. */
async function prepareInitramfs(
  directory: string,
  image: LabImage,
  { kernel, modules, diskModules }: TestGuestOptions,
): Promise<string> {
  if (kernel === undefined && modules === undefined) return image.initramfs;
  const file = path.join(directory, "initramfs");
  const initramfs = await makeInitramfs({
    kernel: kernel ?? image.kernel,
    busybox: image.busybox,
    ...(modules === undefined ? {} : { modules }),
    ...(diskModules === undefined ? {} : { diskModules }),
  });
  await writeFile(file, initramfs);
  return file;
}

async function prepareDisk(
  directory: string,
  image: LabImage,
  { role }: TestGuestOptions,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (role === undefined) return undefined;
  const disk = path.join(directory, "disk.qcow2");
  await makeOverlay(disk, image.disk, signal);
  return disk;
}

async function dump({ qmpSocket, memoryMiB }: TestGuestHardware, to: string): Promise<void> {
  await qmpCommand(qmpSocket, "stop");
  try {
    await qmpCommand(qmpSocket, "pmemsave", { val: 0, size: memoryMiB * MiB, filename: to });
  } finally {
    await qmpCommand(qmpSocket, "cont");
  }
}
