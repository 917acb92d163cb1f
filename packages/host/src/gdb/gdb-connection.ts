import { Socket } from "node:net";
import { CasemateError, formatAddress, type Gva, gva } from "@casemate/core";
import { connectSocket } from "../disk/nbd/connect-socket.ts";

/** GDB's numbers of the registers that calls need (gdb/features/i386/64bit-core.xml). */
export const gdbRegisters = { rdx: 3, rsi: 4, rdi: 5, rsp: 7, rip: 16 } as const;

export type GdbRegister = keyof typeof gdbRegisters;

/** Why a VM stopped: at one of its breakpoints, on a virtual processor, or because somebody asked for it. */
export type GdbStop =
  | { readonly kind: "breakpoint"; readonly thread: string }
  | { readonly kind: "asked" };

/** What is to be other than it was: 8 bytes of memory each, and registers of the chosen thread. */
export interface GuestChange {
  readonly memory: readonly (readonly [at: Gva, value: bigint])[];
  readonly registers: readonly (readonly [name: GdbRegister, value: bigint])[];
}

/** What a packet may hold at most, in characters (QEMU, gdbstub.c: MAX_PACKET_LENGTH). */
const mostText = 4_000;
/** How long QEMU may take to answer, in milliseconds. */
const patience = 5_000;
/** GDB_SIGNAL_TRAP: what QEMU says of a breakpoint. */
const trap = "05";
/** What interrupts a VM that runs. */
const interrupt = "\x03";
/** An instruction's breakpoint in the processor, never an instruction written into the guest. */
const hardwareBreakpoint = 1;

/**
 * QEMU's GDB server, as one client (GDB manual, "Remote Protocol"). A VM stops when a client connects.
 *
 * Answers are never acknowledged: QEMU takes the next packet for it, and any byte that it gets while the VM
 * runs stops the VM. All throw `libvirt/failed` when QEMU does not do as it is told.
 */
export class GdbConnection implements Disposable {
  readonly #socket: Socket;
  readonly #answers: string[] = [];
  #rest = "";
  #failure: string | undefined;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#take(text));
    socket.on("error", ({ message }) => this.#end(message));
    socket.on("close", () => this.#end("the connection closed"));
  }

  /**
   * Connects to the server that process `pid` has at the Unix socket `path`, removes what breakpoints there
   * are, and leaves the VM stopped.
   */
  static async open(path: string, pid: number, signal?: AbortSignal): Promise<GdbConnection> {
    const fd = await connectSocket(path, pid, signal);
    const connection = new GdbConnection(new Socket({ fd }));
    try {
      // Only who has asked for the description may name registers. Its answer is the last of several: QEMU
      // also tells of the stop, where the VM ran.
      connection.#send("?", "qXfer:features:read:target.xml:0,ff0");
      while (!/^[lm]</.test(await connection.#answer()));
      return connection;
    } catch (thrown) {
      connection[Symbol.dispose]();
      throw thrown;
    }
  }

  async readMemory(address: Gva, length: number): Promise<Uint8Array> {
    const answer = await this.#ask(`m${address.toString(16)},${length.toString(16)}`);
    if (!/^(?:[0-9a-f]{2})+$/.test(answer) || answer.length !== length * 2) {
      throw failed(`it answers "${answer.slice(0, 20)}" for ${formatAddress(address)}`);
    }
    return Buffer.from(answer, "hex");
  }

  async readU64(address: Gva): Promise<bigint> {
    return u64(await this.readMemory(address, 8));
  }

  async selectThread(thread: string): Promise<void> {
    await this.#do(`Hg${thread}`);
  }

  async readRegister(register: GdbRegister): Promise<bigint> {
    const answer = await this.#ask(`p${gdbRegisters[register].toString(16)}`);
    if (!/^[0-9a-f]{16}$/.test(answer)) throw failed(`it answers "${answer}" for ${register}`);
    return u64(Buffer.from(answer, "hex"));
  }

  async setBreakpoint(address: Gva): Promise<void> {
    await this.#do(`Z${hardwareBreakpoint},${address.toString(16)},1`);
  }

  async removeBreakpoint(address: Gva): Promise<void> {
    await this.#do(`z${hardwareBreakpoint},${address.toString(16)},1`);
  }

  /** Lets the VM run until a breakpoint or somebody stops it; `undefined` when nothing has within `ms`. */
  async run(ms: number, signal?: AbortSignal): Promise<GdbStop | undefined> {
    this.#send("c");
    const answer = await this.#next(ms, signal);
    return answer === undefined ? undefined : parseStop(answer);
  }

  /** Stops a VM that runs. */
  async interrupt(): Promise<GdbStop> {
    this.#socket.write(interrupt, "latin1");
    return parseStop(await this.#answer());
  }

  /**
   * Writes memory and sets registers, removes all breakpoints and lets the VM run: all of it or, where this
   * process ends before, nothing, for QEMU gets it in one piece.
   */
  async detachWith({ memory = [], registers = [] }: Partial<GuestChange> = {}): Promise<void> {
    const commands = [
      ...memory.map(([at, value]) => `M${at.toString(16)},8:${hexOf(value)}`),
      ...registers.map(([name, value]) => `P${gdbRegisters[name].toString(16)}=${hexOf(value)}`),
      "D",
    ];
    this.#send(...commands);
    for (const command of commands) verifyDone(command, await this.#answer());
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  async #do(command: string): Promise<void> {
    verifyDone(command, await this.#ask(command));
  }

  #ask(command: string): Promise<string> {
    this.#send(command);
    return this.#answer();
  }

  async #answer(): Promise<string> {
    const answer = await this.#next(patience);
    if (answer === undefined) throw failed(`it does not answer for ${patience} ms`);
    return answer;
  }

  #send(...commands: readonly string[]): void {
    this.#socket.write(commands.map(packet).join(""), "latin1");
  }

  /** The next answer; `undefined` when none comes within `ms`. */
  async #next(ms: number, signal?: AbortSignal): Promise<string | undefined> {
    const timeout = AbortSignal.timeout(ms);
    const late = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
    while (this.#answers.length === 0 && this.#failure === undefined && !late.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      late.addEventListener("abort", () => resolve(), { once: true });
      await promise;
    }
    const answer = this.#answers.shift();
    if (answer === undefined && this.#failure !== undefined) throw failed(this.#failure);
    return answer;
  }

  #take(text: string): void {
    this.#rest += text;
    for (;;) {
      const found = /\$([^#]*)#[0-9a-f]{2}/.exec(this.#rest);
      if (found === null) break;
      this.#rest = this.#rest.slice(found.index + found[0].length);
      this.#answers.push(found[1] ?? "");
    }
    if (this.#rest.length > 2 * mostText) this.#end("it says too much");
    this.#wake();
  }

  #end(why: string): void {
    this.#failure ??= why;
    this.#wake();
  }
}

function verifyDone(command: string, answer: string): void {
  if (answer !== "OK") throw failed(`it answers "${answer}" to ${command.slice(0, 30)}`);
}

function parseStop(answer: string): GdbStop {
  const [, signal, thread] = /^T([0-9a-f]{2})thread:([0-9a-f.p]+);/.exec(answer) ?? [];
  if (signal === undefined || thread === undefined) {
    throw failed(`it says "${answer.slice(0, 20)}" of the VM's stop`);
  }
  return signal === trap ? { kind: "breakpoint", thread } : { kind: "asked" };
}

function packet(text: string): string {
  let sum = 0;
  for (let at = 0; at < text.length; at += 1) sum = (sum + text.charCodeAt(at)) % 256;
  return `$${text}#${sum.toString(16).padStart(2, "0")}`;
}

function hexOf(value: bigint): string {
  return Buffer.from(BigUint64Array.of(value).buffer).toString("hex");
}

function u64(bytes: Uint8Array): Gva {
  return gva(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
}

function failed(seen: string): CasemateError {
  return new CasemateError(
    "libvirt/failed",
    `Cannot use the GDB server of QEMU: ${seen}, expected it to do as it is told.`,
  );
}
