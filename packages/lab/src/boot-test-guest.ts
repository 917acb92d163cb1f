import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { CasemateError } from "@casemate/core";
import { GuestConsole } from "./guest-console.ts";
import { ensureImage, type ImageOptions } from "./image/ensure-image.ts";
import type { Kernel } from "./image/kernel.ts";
import { makeInitramfs } from "./image/make-initramfs.ts";
import { qmpCommand } from "./qmp-command.ts";
import { runCommand } from "./run-command.ts";

export interface TestGuestOptions extends ImageOptions {
  /** The image's own kernel unless another is given. */
  readonly kernel?: Kernel;
  readonly memoryMiB?: number;
  /** QEMU's `-cpu`; `max` has five-level paging, `max,la57=off` and `qemu64` do not. */
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
  /** Writes all of the guest's RAM below 4 GiB as a raw image while the guest is stopped. */
  dump(file: string): Promise<void>;
}

/** Boots a guest for a test and waits until its shell answers (3 to 10 s without KVM). */
export async function bootTestGuest(
  options: TestGuestOptions,
  signal?: AbortSignal,
): Promise<TestGuest> {
  const image = await ensureImage(options, signal);
  const { kernel = image.kernel, memoryMiB = 256, machine = "q35" } = options;
  const directory = await mkdtemp(path.join(tmpdir(), "casemate-guest-"));
  const file = (name: string) => path.join(directory, name);
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    const { modules, role } = options;
    const ownInitramfs = modules !== undefined || options.kernel !== undefined;
    if (ownInitramfs) {
      const { busybox } = image;
      const initramfs = { kernel, busybox, ...(modules === undefined ? {} : { modules }) };
      await writeFile(file("initramfs"), await makeInitramfs(initramfs));
    }
    const base = ["-F", "qcow2", "-b", image.disk];
    const disk = file("disk.qcow2");
    if (role !== undefined) {
      await runCommand("qemu-img", ["create", "-q", "-f", "qcow2", ...base, disk], {}, signal);
    }
    const ram = `memory-backend-memfd,id=ram,size=${memoryMiB}M,share=on`;
    const uuid = randomUUID();
    const shared = options.sharedMemory ?? true;
    const root = role === undefined ? "" : `root=/dev/vda casemate.role=${role}`;
    const args = [
      ...[
        "-name",
        "guest=casemate-test",
        "-uuid",
        uuid,
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
      ],
      ...["-machine", `${machine}${shared ? ",memory-backend=ram" : ""}`],
      ...["-accel", options.accelerator ?? "tcg", "-cpu", options.cpu ?? "max"],
      ...["-m", `${memoryMiB}M`, ...(shared ? ["-object", ram] : [])],
      ...["-serial", `file:${file("boot.log")}`],
      ...["-serial", `unix:${file("console")},server=on,wait=off`],
      ...["-qmp", `unix:${file("qmp")},server=on,wait=off`],
      ...["-device", "virtio-rng-pci"],
      ...(role === undefined ? [] : ["-drive", `if=virtio,format=qcow2,file=${disk}`]),
      ...["-kernel", kernel.vmlinuz, "-initrd", ownInitramfs ? file("initramfs") : image.initramfs],
      "-append",
      `console=ttyS0 quiet casemate.hostname=guest ${root} ${options.append ?? ""}`.trim(),
    ];
    const qemu = spawn("setpriv", ["--pdeathsig", "KILL", "qemu-system-x86_64", ...args], {
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    let words = "";
    qemu.stderr.on("data", (text) => (words += text));
    const ended = new AbortController();
    const exited = new Promise<void>((resolve) => {
      const end = () => {
        ended.abort();
        resolve();
      };
      qemu.once("error", end).once("exit", end);
    });
    const stop = async () => {
      qemu.kill("SIGKILL");
      await exited;
      await remove();
    };
    try {
      const waits = AbortSignal.any([ended.signal, ...(signal === undefined ? [] : [signal])]);
      const console = await GuestConsole.open(file("console"), waits);
      await console.waitUntilReady(waits);
      return {
        pid: qemu.pid ?? 0,
        uuid,
        kernel,
        memoryMiB,
        console,
        qmpSocket: file("qmp"),
        dump: (to) => dump(file("qmp"), memoryMiB, to),
        [Symbol.asyncDispose]: async () => {
          await console[Symbol.asyncDispose]();
          await stop();
        },
      };
    } catch (cause) {
      const log = await readFile(file("boot.log"), "utf8").catch(() => "");
      await stop();
      if (signal?.aborted === true) throw cause;
      throw new CasemateError(
        "lab/build-failed",
        `Cannot boot a test guest: QEMU ended and said "${words.trim()}", the guest "${log.slice(-500)}".`,
        { cause },
      );
    }
  } catch (error) {
    await remove();
    throw error;
  }
}

async function dump(qmpSocket: string, memoryMiB: number, to: string): Promise<void> {
  await qmpCommand(qmpSocket, "stop");
  try {
    const size = memoryMiB * 1024 * 1024;
    await qmpCommand(qmpSocket, "pmemsave", { val: 0, size, filename: to });
  } finally {
    await qmpCommand(qmpSocket, "cont");
  }
}
