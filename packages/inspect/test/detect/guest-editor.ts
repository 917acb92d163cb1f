import { closeSync, openSync, writeSync } from "node:fs";
import { formatAddress, type Gpa, type Gva, gva } from "@casemate/core";
import { memoryFrom, openGuestMemory, type QemuMonitor } from "@casemate/host";
import type { GuestConsole } from "@casemate/lab";
import { detectors } from "../../src/detect/detectors.ts";
import {
  type Access,
  attach,
  DATA_CLASSES,
  type DataClass,
  type GuestFiles,
  Interview,
  type Kernel,
  recallFor,
  type SignatureMatcher,
  sweep,
  type Verdict,
} from "../../src/index.ts";
import { PageTables, UNMAPPED } from "../../src/memory/page-tables.ts";
import { PhysicalReader } from "../../src/memory/physical-reader.ts";
import { quote } from "../truth/make-memory.ts";
import { consoleAgent } from "./console-agent.ts";

const PAGE = 4096;
/** For looks at guests that share their processors with others. */
const BUDGET = 10_000;

/** A running guest with shared memory, as test guests are unless told otherwise. */
export interface EditableGuest {
  /** QEMU's process. */
  readonly pid: number;
  readonly monitor: QemuMonitor;
  /** A root shell. */
  readonly console: Pick<GuestConsole, "output">;
}

export interface GuestEditorOptions {
  /** The guest's own files, for detectors that compare with them. */
  readonly files?: GuestFiles | undefined;
  /** Rules, for the detector that puts memory to them. */
  readonly signatures?: SignatureMatcher | undefined;
}

/**
 * A running test guest whose memory the test changes from outside, as who owns its kernel would from inside.
 *
 *     const task = guest.look(({ kernel }) => findTask(kernel, pid));
 *     await using undo = await guest.edit(() => [guest.writeU64(at, 0n)]);
 *     const [verdict] = await guest.sweep("hidden-processes");
 */
export class GuestEditor implements AsyncDisposable {
  readonly kernel: Kernel;
  readonly #guest: EditableGuest;
  readonly #options: GuestEditorOptions;
  readonly #physical: PhysicalReader;
  readonly #pageTables: PageTables;
  readonly #pieces: readonly { start: number; end: number; fd: number; offset: number }[];
  #holds = 0;
  /** What detectors keep from sweep to sweep. */
  readonly #kept = new Map<string, Map<string, unknown>>();

  private constructor(
    guest: EditableGuest,
    physical: PhysicalReader,
    pieces: readonly { start: number; end: number; fd: number; offset: number }[],
    options: GuestEditorOptions,
  ) {
    this.#guest = guest;
    this.#options = options;
    this.#physical = physical;
    this.#pieces = pieces;
    this.kernel = attach(physical.memory);
    const { pageTableRoot, pagingLevels } = this.kernel.facts;
    this.#pageTables = new PageTables(physical, pageTableRoot, pagingLevels);
  }

  static async open(guest: EditableGuest, options: GuestEditorOptions = {}): Promise<GuestEditor> {
    const { pid, monitor } = guest;
    const { description, fds } = await openGuestMemory({ pid, description: "test guest", monitor });
    const writable = new Map<number, number>();
    const pieces = description.pieces.map(({ start, end, file, offset }) => {
      const fd = writable.get(file) ?? openSync(`/proc/self/fd/${fds[file]}`, "r+");
      writable.set(file, fd);
      return { start, end, fd, offset };
    });
    const physical = new PhysicalReader(memoryFrom(description, fds));
    return new GuestEditor(guest, physical, pieces, options);
  }

  /** Runs `read` as one look with leave for everything. */
  look<Value>(read: (access: Access<DataClass>) => Value): Value {
    return this.kernel.grant(...DATA_CLASSES).look(read, { milliseconds: BUDGET }).value;
  }

  /** Has the detectors of these ids look at the guest; all of them where none is named. */
  sweep(...ids: readonly string[]): Promise<readonly Verdict[]> {
    return this.sweepWith(DATA_CLASSES, ...ids);
  }

  /** As `sweep`, with leave for `classes` only. */
  async sweepWith(
    classes: readonly DataClass[],
    ...ids: readonly string[]
  ): Promise<readonly Verdict[]> {
    const chosen = detectors.filter(({ id }) => ids.length === 0 || ids.includes(id));
    const isAsked = chosen.some(({ given }) => given === "agent");
    return await sweep(this.kernel, {
      detectors: chosen,
      classes,
      interview: isAsked ? await this.#interview({ detectors: chosen, classes }) : undefined,
      budget: BUDGET,
      allowances: { rawSockets: [], codeMakers: [] },
      ...this.#options,
      kept: this.#kept,
    });
  }

  /** Asks what an agent in the guest would be asked. */
  async #interview(order: Parameters<typeof recallFor>[1]): Promise<Interview> {
    const put = consoleAgent((command) => this.run(command), this.#options.files);
    const interview = new Interview();
    const ask = () => interview.ask(recallFor(this.kernel, order, { milliseconds: BUDGET }));
    for (let questions = ask(); questions.length > 0; questions = ask()) {
      interview.hear(await put(questions));
    }
    return interview;
  }

  /** What a command prints that runs as root in the guest; it must succeed. */
  async run(command: string): Promise<string> {
    return (await this.#guest.console.output(command)).trim();
  }

  /** Has the guest go on with a command until the guest ends. */
  async start(command: string): Promise<void> {
    await this.run(`setsid sh -c ${quote(command)} >/dev/null 2>&1 </dev/null &`);
  }

  /** Has the guest's perl (perl-base is enough) run `program` until the guest ends; returns once it said "ready". */
  async hold(program: string): Promise<void> {
    this.#holds += 1;
    const log = `/run/casemate-hold-${this.#holds}`;
    await this.run(
      `ulimit -l unlimited; setsid perl -e ${quote(program)} >${log} 2>&1 </dev/null &
      for i in $(seq 100); do grep -q ^ready ${log} && exit 0; sleep 0.1; done; cat ${log}; exit 1`,
    );
  }

  /** The 8 bytes at a kernel address or in guest-physical memory, whoever they belong to. */
  u64(at: Gva | Gpa): bigint {
    return new DataView(this.bytes(at, 8).buffer).getBigUint64(0, true);
  }

  bytes(at: Gva | Gpa, length: number): Uint8Array<ArrayBuffer> {
    this.#physical.refresh();
    const bytes = new Uint8Array(length);
    for (const { physical, start, count } of this.#pagesOf(at, length)) {
      bytes.set(this.#physical.copy(physical, count), start);
    }
    return bytes;
  }

  /** Writes at a kernel address, read-only to the guest or not, or to guest-physical memory. */
  write(at: Gva | Gpa, bytes: Uint8Array): Disposable {
    const before = this.bytes(at, bytes.length);
    this.#put(at, bytes);
    return { [Symbol.dispose]: () => this.#put(at, before) };
  }

  writeU64(at: Gva | Gpa, value: bigint): Disposable {
    return this.write(at, new Uint8Array(BigUint64Array.of(value).buffer));
  }

  /** Makes several changes while the guest stands still, and undoes them, the last first, in the same way. */
  async edit(change: () => readonly Disposable[]): Promise<AsyncDisposable> {
    const changes = await this.whileStopped(change);
    return {
      [Symbol.asyncDispose]: () =>
        this.whileStopped(() => {
          for (const one of changes.toReversed()) one[Symbol.dispose]();
        }),
    };
  }

  /** As `edit`, with the guest standing still until it is undone: for what its kernel would stumble over. */
  async editStopped(change: () => readonly Disposable[]): Promise<AsyncDisposable> {
    await using undo = new AsyncDisposableStack();
    await this.#guest.monitor.qmp({ execute: "stop" });
    undo.defer(async () => void (await this.#guest.monitor.qmp({ execute: "cont" })));
    for (const one of change()) undo.use(one);
    return undo.move();
  }

  async whileStopped<Value>(work: () => Value): Promise<Value> {
    await this.#guest.monitor.qmp({ execute: "stop" });
    try {
      return work();
    } finally {
      await this.#guest.monitor.qmp({ execute: "cont" });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const fd of new Set(this.#pieces.map((piece) => piece.fd))) closeSync(fd);
    await this.#physical.memory[Symbol.asyncDispose]();
  }

  #put(at: Gva | Gpa, bytes: Uint8Array): void {
    for (const { physical, start, count } of this.#pagesOf(at, bytes.length)) {
      const piece = this.#pieces.find((one) => physical >= one.start && physical < one.end);
      if (piece === undefined) throw new Error(`The guest has no RAM at ${physical}.`);
      writeSync(piece.fd, bytes, start, count, piece.offset + (physical - piece.start));
    }
  }

  /** Where the pages are that hold `length` bytes at `at`. */
  *#pagesOf(at: Gva | Gpa, length: number) {
    for (let start = 0; start < length; ) {
      const physical =
        typeof at === "number" ? at + start : this.#translate(gva(at + BigInt(start)));
      const count = Math.min(length - start, PAGE - (physical % PAGE));
      yield { physical, start, count };
      start += count;
    }
  }

  #translate(address: Gva): number {
    this.#pageTables.refresh();
    const physical = this.#pageTables.translate(address);
    if (physical === UNMAPPED) throw new Error(`${formatAddress(address)} is not mapped.`);
    return physical;
  }
}
