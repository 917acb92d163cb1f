import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { LibvirtConnection } from "../src/index.ts";

/**
 * A libvirtd for one test, in mount, PID and network namespaces of its own: it sees nothing of the
 * machine's libvirt, and all its VMs end with it, even when the test is killed. Needs root.
 */
export class PrivateLibvirtd implements AsyncDisposable {
  readonly uri: string;
  readonly readOnlyUri: string;
  readonly #directory: string;
  readonly #child: ReturnType<typeof PrivateLibvirtd.spawn>;
  readonly #answers: AsyncIterator<string>;

  private constructor(directory: string) {
    this.#directory = directory;
    this.uri = `qemu+unix:///system?socket=${join(directory, "libvirt-sock")}`;
    this.readOnlyUri = `${this.uri}-ro`;
    this.#child = PrivateLibvirtd.spawn(directory);
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  static async start(): Promise<PrivateLibvirtd> {
    const started = new PrivateLibvirtd(await mkdtemp(join(tmpdir(), "casemate-libvirtd-")));
    try {
      await started.order("start");
      await started.answering();
      return started;
    } catch (cause) {
      await started[Symbol.asyncDispose]();
      throw cause;
    }
  }

  /** Starts libvirtd, kills it (-9), freezes and thaws it. */
  async order(line: "start" | "kill" | "freeze" | "thaw"): Promise<void> {
    this.#child.stdin.write(`${line}\n`);
    const { value } = await this.#answers.next();
    if (value !== "done") throw new Error(`the private libvirtd did not ${line}; see its stderr`);
  }

  /** Resolves when libvirtd takes connections. */
  async answering(): Promise<void> {
    for (;;) {
      try {
        await using _connection = await LibvirtConnection.open(this.uri);
        return;
      } catch {
        if (this.#child.exitCode !== null) throw new Error("the private libvirtd ended");
        await sleep(100);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exit = once(this.#child, "exit");
    this.#child.stdin.end();
    if (this.#child.exitCode === null && this.#child.signalCode === null) await exit;
    await rm(this.#directory, { recursive: true, force: true });
  }

  static spawn(directory: string) {
    const inside = fileURLToPath(new URL("./private-libvirtd-inside.ts", import.meta.url));
    return spawn(
      "setpriv",
      [
        ...["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--net", "--fork"],
        ...["--kill-child", "--mount-proc", "--propagation", "private"],
        // PID 1 must reap what daemonizes: libvirt takes a zombie QEMU for a living one.
        ...["tini", "--", process.execPath, inside, directory],
      ],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
  }
}
