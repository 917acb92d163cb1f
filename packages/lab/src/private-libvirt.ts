import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CasemateError } from "@casemate/core";
import { contained } from "./contained.ts";
import { formatMount, prepareMounts } from "./private-mounts.ts";
import { readQemuUser } from "./qemu-user.ts";
import { runCommand } from "./run-command.ts";
import { makeRunDirectory } from "./run-directory.ts";
import { verifyRoot } from "./verify-root.ts";

export interface PrivateLibvirtOptions {
  readonly accelerator: "kvm" | "tcg";
  /** Where libvirt keeps what it found out about QEMU between runs. */
  readonly cacheDir: string;
  /** Where the sockets are; short, for a Unix socket's path has at most 107 bytes. */
  readonly runtimeDir?: string;
  /** Whether libvirt gives the files of VMs to QEMU's user, as it does where it is installed; the lab gives its own. */
  readonly givesFiles?: boolean;
}

/** libvirtd's whole environment; it hands it to QEMU. */
const env = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };

/** How long to wait before libvirtd is started again, in ms: at first, and at most. */
const backOff = { first: 100, most: 5000 };

/**
 * A libvirtd with state, sockets and networks of its own, which shares nothing with a libvirt that the
 * machine already has and ends with this process, whatever ends it.
 *
 * It lives in namespaces that a pid 1 of its own holds (`contained`). What
 * it sees there instead of the machine's own is in `prepareMounts`. libvirtd is not that pid 1: it may crash and is started again while its guests run on.
 */
export class PrivateLibvirt implements AsyncDisposable {
  /** The libvirt URI to connect to. */
  readonly uri: string;
  /** Sockets, configuration and `log/`, for root only; removed at the end. */
  readonly directory: string;
  readonly #holder: ChildProcess;
  readonly #pid: number;
  #daemon: ChildProcess | undefined;
  #daemonEnded: Promise<void> = Promise.resolve();
  #ending = false;

  private constructor(directory: string, holder: ChildProcess, pid: number) {
    this.directory = directory;
    this.uri = `qemu+unix:///system?socket=${path.join(directory, "libvirt-sock")}`;
    this.#holder = holder;
    this.#pid = pid;
  }

  /** Starts it and waits until it accepts connections. Needs root (`system/not-permitted`). */
  static async start(
    options: PrivateLibvirtOptions,
    signal?: AbortSignal,
  ): Promise<PrivateLibvirt> {
    verifyRoot("start a private libvirt");
    const directory = await makeRunDirectory(options.runtimeDir ?? "/run/casemate", 0o700);
    await using undo = new AsyncDisposableStack();
    undo.defer(() => rm(directory, { recursive: true, force: true }));
    const holder = await startHolder();
    undo.defer(() => endHolder(holder));
    const [pid] = await readChildren(holder.pid);
    if (pid === undefined) throw notPermitted("its pid 1 is gone");
    const libvirt = new PrivateLibvirt(directory, holder, pid);
    await libvirt.#isolate(options, signal);
    await libvirt.#configure(options, signal);
    await libvirt.#keepDaemon(signal);
    undo.move();
    return libvirt;
  }

  /** libvirtd's process, as this process sees it; `undefined` while it is being started again. */
  async daemonPid(): Promise<number | undefined> {
    return (await readChildren(this.#daemon?.pid)).at(0);
  }

  /** Ends libvirtd and every guest, and returns when they are gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending = true;
    await endHolder(this.#holder);
    await this.#daemonEnded;
    await rm(this.directory, { recursive: true, force: true });
  }

  #enter(file: string, args: readonly string[]): string[] {
    return ["--target", String(this.#pid), "--mount", "--pid", "--net", "--", file, ...args];
  }

  async #isolate(options: PrivateLibvirtOptions, signal?: AbortSignal): Promise<void> {
    const mounts = await prepareMounts(this.directory, options);
    const table = path.join(this.directory, "fstab");
    await writeFile(table, mounts.map(formatMount).join(""));
    const failure = { code: "system/not-permitted" } as const;
    // The machine's cgroups must not even be listed: libvirt would look for them.
    const detach = this.#enter("umount", ["--recursive", "--lazy", "/sys"]);
    await runCommand("nsenter", detach, failure, signal);
    const mount = this.#enter("mount", ["--all", "--fstab", table]);
    await runCommand("nsenter", mount, failure, signal);
    await runCommand("nsenter", this.#enter("ip", ["link", "set", "lo", "up"]), failure, signal);
  }

  async #configure(options: PrivateLibvirtOptions, signal?: AbortSignal): Promise<void> {
    const user = await readQemuUser(signal);
    const daemon = {
      unix_sock_dir: this.directory,
      unix_sock_rw_perms: "0700",
      unix_sock_ro_perms: "0700",
      // The directory lets in root alone.
      auth_unix_rw: "none",
      auth_unix_ro: "none",
      log_outputs: "3:stderr",
    };
    const qemu = {
      user: user.name,
      // Debian's `kvm`, whatever its number; libvirt asks QEMU again and again what it can do where
      // libvirtd can open /dev/kvm and QEMU's user cannot.
      group: options.accelerator === "kvm" ? `+${(await stat("/dev/kvm")).gid}` : user.name,
      // The machine's AppArmor profiles are not ours to change.
      security_driver: "none",
      seccomp_sandbox: 1,
      cgroup_controllers: [],
      namespaces: [],
      // The lab gives its files to QEMU's user itself; the base image is nobody's.
      dynamic_ownership: options.givesFiles === true ? 1 : 0,
      remember_owner: 0,
      // Without virtlogd.
      stdio_handler: "file",
    };
    await writeFile(path.join(this.directory, "etc/libvirtd.conf"), formatSettings(daemon));
    await writeFile(path.join(this.directory, "etc/qemu.conf"), formatSettings(qemu));
  }

  /** Starts libvirtd now, and again whenever it ends. */
  async #keepDaemon(signal?: AbortSignal): Promise<void> {
    let ended = this.#startDaemon();
    await this.#waitForSocket(ended, signal);
    const keep = async () => {
      let wait = backOff.first;
      for (;;) {
        const started = performance.now();
        await ended;
        if (this.#ending) return;
        await sleep(wait);
        if (this.#ending) return;
        const lived = performance.now() - started;
        wait = lived > 4 * backOff.most ? backOff.first : Math.min(wait * 2, backOff.most);
        ended = this.#startDaemon();
      }
    };
    this.#daemonEnded = keep();
  }

  /** Resolves when the libvirtd it started has ended. */
  async #startDaemon(): Promise<void> {
    const log = await open(path.join(this.directory, "log/libvirtd.log"), "a");
    try {
      const args = this.#enter("libvirtd", ["--config", "/etc/libvirt/libvirtd.conf"]);
      const daemon = spawn("nsenter", args, {
        stdio: ["ignore", log.fd, log.fd],
        env,
        // Ctrl-C is for this process; guests and libvirtd end when it has finished.
        detached: true,
      });
      this.#daemon = daemon;
      await new Promise<void>((resolve) => {
        daemon.once("error", () => resolve()).once("exit", () => resolve());
      });
      this.#daemon = undefined;
    } finally {
      await log.close();
    }
  }

  async #waitForSocket(ended: Promise<void>, signal?: AbortSignal): Promise<void> {
    const socket = path.join(this.directory, "libvirt-sock");
    let gone = false;
    ended.then(() => (gone = true));
    while (!(await accepts(socket))) {
      if (gone) {
        const log = await readFile(path.join(this.directory, "log/libvirtd.log"), "utf8");
        const words = log.trim().split("\n").at(-1) ?? "";
        throw new CasemateError(
          "libvirt/failed",
          `Cannot start a private libvirtd: it ended and said "${words}", expected it to run.`,
        );
      }
      if (signal?.aborted === true) {
        throw new CasemateError("cancelled", "Cannot wait for libvirtd: it was cancelled.", {
          cause: signal.reason,
        });
      }
      await sleep(20);
    }
  }
}

/** The namespaces, held by `cat`: it ends when its input does, which ends with this process. */
async function startHolder(): Promise<ChildProcess> {
  const { file, args } = contained("cat", [], { network: true });
  const holder = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"], detached: true });
  holder.stdin.on("error", () => {}); // Its end is seen by "exit".
  let words = "";
  holder.stderr.on("data", (text) => (words += text));
  const up = await new Promise<boolean>((resolve, reject) => {
    holder.once("error", (cause) => reject(missing(file, cause)));
    holder.once("exit", () => resolve(false));
    // What `cat` says back tells that the namespaces are made and that pid 1 runs in them.
    holder.stdout.once("data", () => resolve(true));
    holder.stdin.write("\n");
  });
  if (!up) throw notPermitted(words.trim());
  return holder;
}

async function endHolder(holder: ChildProcess): Promise<void> {
  if (holder.exitCode !== null || holder.signalCode !== null) return;
  const exited = once(holder, "exit");
  holder.stdin?.end();
  await exited;
}

/** Processes whose parent is `pid`. */
async function readChildren(pid: number | undefined): Promise<number[]> {
  const children: number[] = [];
  if (pid === undefined) return children;
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const status = await readFile(`/proc/${name}/status`, "utf8").catch(() => "");
    if (status.includes(`\nPPid:\t${pid}\n`)) children.push(Number(name));
  }
  return children;
}

function accepts(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** libvirt's configuration file format: `name = value`, strings quoted, lists in brackets. */
function formatSettings(settings: Readonly<Record<string, string | number | string[]>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`)
    .join("");
}

function notPermitted(words: string): CasemateError {
  return new CasemateError(
    "system/not-permitted",
    `Cannot make namespaces for a private libvirt: the system said "${words}", expected root's rights.`,
  );
}

function missing(file: string, cause: Error): CasemateError {
  return new CasemateError(
    "system/missing",
    `Cannot make namespaces for a private libvirt: ${file} did not start (${cause.message}), expected it to be installed.`,
    { cause },
  );
}
