import { CasemateError, type Gva, gva } from "@casemate/core";
import type { GdbConnection, GdbStop } from "./gdb-connection.ts";
import type { KernelCall, KernelCallEnd, KernelGuard, KernelListPlace } from "./kernel-call.ts";

/** For how long the guest runs on where it was in the middle of a change, in milliseconds. */
const MEANWHILE = 1;
/** `list_head.prev` and `hlist_node.pprev`. */
const BACK = 8n;

/**
 * Makes `call` in the VM that is stopped behind `gdb`, at the next moment its kernel can take it, and lets
 * the VM run.
 *
 * All that the call changes reaches QEMU in one piece with the word to run on: where this process ends
 * before, nothing was changed; after it nothing is left to be put back, for the call returns to where it was
 * slipped in, at whose entry its registers mean nothing.
 *
 * @param wait for how long that moment is waited for, in milliseconds; the VM runs meanwhile.
 * Throws `guest/no-moment`, `guest/changed`, `guest/stopped`, `libvirt/failed`; then the call was not made, and the
 * VM may stand still with a breakpoint in it.
 */
export async function placeCall(
  gdb: GdbConnection,
  call: KernelCall,
  { wait, stoppedAt }: { readonly wait: number; readonly stoppedAt: number },
  signal?: AbortSignal,
): Promise<KernelCallEnd> {
  const until = performance.now() + wait;
  const clock = new StopClock(stoppedAt);
  await gdb.setBreakpoint(call.before);
  for (;;) {
    const stop = await nextHit(gdb, { call, until, clock }, signal);
    await gdb.selectThread(stop.thread);
    if (!(await holds(gdb, call.identity))) {
      throw new CasemateError(
        "guest/changed",
        "Cannot call the guest's kernel: what the call is about has changed or ended, expected it as it was.",
      );
    }
    if (await holds(gdb, call.idle)) {
      await makeCall(gdb, call);
      clock.goesOn();
      return clock.end();
    }
    if (performance.now() > until) throw noMoment("its lists were always being changed");
    await gdb.removeBreakpoint(call.before);
    clock.goesOn();
    if ((await gdb.run(MEANWHILE)) !== undefined) throw stoppedByOthers();
    await gdb.interrupt();
    clock.stops();
    await gdb.setBreakpoint(call.before);
  }
}

/** The VM at the breakpoint. */
async function nextHit(
  gdb: GdbConnection,
  at: { readonly call: KernelCall; readonly until: number; readonly clock: StopClock },
  signal?: AbortSignal,
): Promise<Extract<GdbStop, { kind: "breakpoint" }>> {
  const { call, until, clock } = at;
  const left = Math.max(Math.ceil(until - performance.now()), 1);
  clock.goesOn();
  const hit = await gdb.run(left, signal);
  const stop = hit ?? (await gdb.interrupt());
  clock.stops();
  signal?.throwIfAborted();
  if (stop.kind === "breakpoint") {
    await gdb.selectThread(stop.thread);
    if ((await gdb.readRegister("rip")) === call.before) return stop;
  }
  if (hit === undefined) throw noMoment("none of the guest's processors ended an interrupt");
  throw stoppedByOthers();
}

function noMoment(seen: string): CasemateError {
  return new CasemateError(
    "guest/no-moment",
    `Cannot call the guest's kernel: ${seen} while it was waited for, expected a moment that can be used.`,
  );
}

function stoppedByOthers(): CasemateError {
  return new CasemateError(
    "guest/stopped",
    "Cannot call the guest's kernel: somebody else stopped the VM, expected it to run.",
  );
}

async function holds(gdb: GdbConnection, guards: readonly KernelGuard[]): Promise<boolean> {
  for (const { address, mask, value } of guards) {
    if (((await gdb.readU64(address)) & mask) !== value) return false;
  }
  return true;
}

async function makeCall(gdb: GdbConnection, call: KernelCall): Promise<void> {
  const memory = new Map<Gva, bigint>();
  for (const place of call.mend) await putOnList(gdb, memory, place);
  // As `call` would: the kernel's stack is aligned to 8 bytes, and nothing lies below its pointer.
  const stack = gva((await gdb.readRegister("rsp")) - 8n);
  await gdb.readU64(stack); // what cannot be read cannot be written either: nothing is changed then
  memory.set(stack, call.before);
  const [rdi, rsi, rdx] = call.arguments;
  await gdb.detachWith({
    memory: [...memory],
    registers: [
      ["rdi", rdi],
      ["rsi", rsi],
      ["rdx", rdx],
      ["rsp", stack],
      ["rip", call.function],
    ],
  });
}

/** Notes what puts a node last on a list, `list_add_tail`, or first of a chain, `hlist_add_head`. */
async function putOnList(
  gdb: GdbConnection,
  memory: Map<Gva, bigint>,
  { kind, node, head }: KernelListPlace,
): Promise<void> {
  const back = (at: Gva) => gva(at + BACK);
  // Several nodes may go on one list, one after another.
  const pointer = async (at: Gva) => gva(memory.get(at) ?? (await gdb.readU64(at)));
  if (kind === "list") {
    const last = await pointer(back(head));
    if ((await pointer(last)) !== head) {
      throw new CasemateError(
        "guest/changed",
        "Cannot mend the lists of the guest's kernel: one does not lead back to its head, expected it to.",
      );
    }
    memory.set(node, head).set(back(node), last).set(last, node).set(back(head), node);
    return;
  }
  const first = await pointer(head);
  memory.set(node, first).set(back(node), head).set(head, node);
  if (first !== 0n) memory.set(back(first), node);
}

/** Counts how often and for how long the VM stands still. */
class StopClock {
  #stops = 1;
  #stoppedAt: number;
  #stopped = 0;

  constructor(stoppedAt: number) {
    this.#stoppedAt = stoppedAt;
  }

  goesOn(): void {
    this.#stopped += performance.now() - this.#stoppedAt;
  }

  stops(): void {
    this.#stops += 1;
    this.#stoppedAt = performance.now();
  }

  end(): KernelCallEnd {
    return { stops: this.#stops, stoppedMicroseconds: Math.ceil(this.#stopped * 1_000) };
  }
}
