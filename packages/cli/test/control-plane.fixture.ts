import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LibvirtConnection } from "@casemate/host";
import { labCacheDir, PrivateLibvirt } from "@casemate/lab";

const directory = resolve(import.meta.dirname, "../../..");
/** The command itself. */
export const casemate = join(directory, "casemate");

/** What became of a command. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ControlPlaneOptions {
  /** As of `PrivateLibvirt`. */
  readonly givesFiles?: boolean;
  /** More words for `casemate up`. */
  readonly up?: readonly string[];
}

const password = "correct horse battery";

/** `casemate up` in a process of its own above a libvirt of its own, and people who type commands. */
export class ControlPlane implements AsyncDisposable {
  /** People's homes, and whatever a test needs; gone in the end. */
  readonly scratch: string;
  /** The data directory. */
  readonly data: string;
  readonly daemon: PrivateLibvirt;
  readonly libvirt: LibvirtConnection;
  /** The directory of the pool `default`, which is of QEMU's user. */
  readonly pool: string;
  readonly #stack: AsyncDisposableStack;
  readonly #words: readonly string[];
  #up: ChildProcess | undefined;
  /** Where it listens, from its first start on: whoever has logged in knows it by that. */
  #address = "127.0.0.1:0";

  private constructor(
    scratch: string,
    pool: string,
    daemon: PrivateLibvirt,
    libvirt: LibvirtConnection,
    words: readonly string[],
    stack: AsyncDisposableStack,
  ) {
    this.scratch = scratch;
    this.data = join(scratch, "data");
    this.pool = pool;
    this.daemon = daemon;
    this.libvirt = libvirt;
    this.#words = words;
    this.#stack = stack;
    stack.defer(() => this.stop());
  }

  /** The libvirt with its pool; nothing of Casemate yet. */
  static async open({ givesFiles = false, up = [] }: ControlPlaneOptions = {}) {
    await using stack = new AsyncDisposableStack();
    const scratch = await mkdtemp(join(tmpdir(), "casemate-cli-"));
    stack.defer(() => rm(scratch, { recursive: true, force: true }));
    await chmod(scratch, 0o711);
    const daemon = stack.use(
      await PrivateLibvirt.start({ accelerator: "tcg", cacheDir: labCacheDir, givesFiles }),
    );
    const libvirt = stack.use(await LibvirtConnection.open(daemon.uri));
    const pool = join(scratch, "pool");
    await mkdir(pool);
    const { uid, gid } = await stat("/var/lib/libvirt/qemu").catch(() => stat("/"));
    await chown(pool, uid, gid);
    await libvirt.storage.definePool(
      `<pool type="dir"><name>default</name><target><path>${pool}</path></target></pool>`,
    );
    return new ControlPlane(scratch, pool, daemon, libvirt, up, stack.move());
  }

  /** Starts Casemate. */
  async start(): Promise<void> {
    const words = ["up", "--connect", this.daemon.uri, "--listen", this.#address, ...this.#words];
    const up = spawn(casemate, [...words, "--data", this.data], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#up = up;
    let printed = "";
    up.stdout.on("data", (chunk) => {
      printed += String(chunk);
    });
    while (!printed.includes("Ctrl-C")) {
      assert.equal(up.exitCode, null, printed);
      await sleep(50);
    }
    this.#address = /https:\/\/(\S+)/.exec(printed)?.[1] ?? assert.fail(printed);
  }

  /** Casemate's process, while it runs. */
  get pid(): number {
    return this.#up?.pid ?? assert.fail("Casemate was not started");
  }

  /** Stops Casemate, by SIGKILL without its doing; its VMs run on. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const up = this.#up;
    this.#up = undefined;
    if (up === undefined || up.exitCode !== null) return;
    const closed = once(up, "close");
    up.kill(signal);
    await closed;
  }

  /** A command of one person's, at home in a directory of their own. */
  as(person: string, words: readonly string[], input = ""): Promise<Ended> {
    return this.run(person, [casemate, ...words], input);
  }

  /** Any program of theirs. */
  async run(
    person: string,
    [program = "", ...words]: readonly string[],
    input = "",
  ): Promise<Ended> {
    const home = join(this.scratch, person);
    await mkdir(home, { recursive: true });
    const child = spawn(program, words, {
      stdio: ["pipe", "pipe", "pipe"],
      cwd: home,
      env: {
        ...{ ...process.env, CASEMATE_DATA: this.data, HOME: home },
        ...{ XDG_CONFIG_HOME: join(home, ".config"), PATH: `${directory}:${process.env["PATH"]}` },
      },
    });
    child.stdin.on("error", () => {}); // It may end without reading.
    child.stdin.end(input);
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      stdout += String(chunk);
    });
    child.stderr.on("data", (chunk) => {
      stderr += String(chunk);
    });
    const [code] = await once(child, "close");
    return { code: Number(code), stdout, stderr };
  }

  /** What a command that must succeed prints. */
  async done(person: string, ...words: readonly string[]): Promise<string> {
    const ended = await this.as(person, words);
    assert.equal(ended.code, 0, `${words.join(" ")}: ${ended.stdout}${ended.stderr}`);
    return ended.stdout;
  }

  /** Has root make an account for somebody, who logs in with a password of their own. */
  async addPerson(name: string, role: string): Promise<void> {
    const words = ["account", "create", name, "--person", name, "--role", role];
    const created = await this.as("root", words, `${password}\n`);
    assert.equal(created.code, 0, created.stderr);
    const typed = [password, password, "staple of my own choice", ""].join("\n");
    const entered = await this.as(name, ["login", "--name", name], typed);
    assert.equal(entered.code, 0, entered.stderr);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
