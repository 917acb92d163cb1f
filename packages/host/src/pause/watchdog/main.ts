/**
 * The watchdog of one pause: it freezes a VM when it is told to, and resumes it when it is told to, when
 * the limit is over, or when whoever started it is gone, however that went. It is in a session of its own
 * and deaf to polite signals, so that what ends Casemate does not end it in the middle.
 *
 * All is done in one thread with blocking calls: nothing else runs here that could come between.
 */
import { readSync, rmSync, writeSync } from "node:fs";
import { CasemateError } from "@casemate/core";
import { backOff } from "../../libvirt/back-off.ts";
import { type Call, checkedRunning, onDomain, toFailure } from "../../libvirt/calls/call.ts";
import { openConnection } from "../../libvirt/calls/connection-calls.ts";
import { stateOf } from "../../libvirt/calls/domain-calls.ts";
import { initialiseLibvirt } from "../../libvirt/initialise-libvirt.ts";
import { libvirt, type VirDomain } from "../../libvirt/prototypes.ts";
import { isReadable, isRunning, openPidFd } from "../../memory/pid-fd.ts";
import { mayBeOurs } from "../may-be-ours.ts";
import { findQemuRun } from "../qemu-run.ts";
import type { Resumption } from "../resume-if-still-paused.ts";
import { type WatchdogAnswer, type WatchdogTask, watchdogOrders } from "./messages.ts";

const orders = 0;
const answers = 1;

const { record, limitMs, entryPath } = JSON.parse(process.argv[2] ?? "") as WatchdogTask; // its parent wrote it
const { uuid } = record.run;

function say(answer: WatchdogAnswer): void {
  try {
    writeSync(answers, `${JSON.stringify(answer)}\n`);
  } catch {
    // Nobody listens any more; what is to be done is the same.
  }
}

/** The next order, `gone` when nobody is left to give one, `late` when none came within `ms`. */
function nextOrder(ms: number): "freeze" | "thaw" | "gone" | "late" {
  const from = performance.now();
  for (;;) {
    const left = Math.ceil(ms - (performance.now() - from));
    if (left <= 0) return "late";
    // A signal may end the wait early, and poll(2) takes 31 bits.
    if (!isReadable(orders, Math.min(left, 60_000))) continue;
    const order = Buffer.alloc(1);
    if (readSync(orders, order) === 0) return "gone";
    return order[0] === watchdogOrders.freeze ? "freeze" : "thaw";
  }
}

function connect(): Call {
  const lib = libvirt();
  // No event loop runs here, so nobody would send or answer keepalive messages.
  return { lib, conn: openConnection(lib, record.uri, false, { interval: 0, count: 0 }).conn };
}

/** From here on the VM is resumed, however long it takes, unless it ended or is not paused by us. */
function resumeForSure(call: Call, dom: VirDomain, qemu: number): Resumption {
  if (!isRunning(qemu)) return "gone";
  if (call.lib.virDomainResume(dom) === 0) return "resumed";
  for (let attempt = 0; ; attempt += 1) {
    try {
      // Anew each time: libvirtd may have been started again.
      const again = connect();
      return onDomain(again, uuid, "resume", (found, doing) => {
        if (again.lib.virDomainGetID(found) !== record.domainId) return "gone";
        if (!mayBeOurs(stateOf(again, found, doing).pauseReason)) return "not-paused";
        checkedRunning(again, found, doing, again.lib.virDomainResume(found));
        return "resumed";
      });
    } catch (thrown) {
      if (!isRunning(qemu)) return "gone";
      const { code } = toFailure(thrown);
      if (code === "vm/unknown" || code === "vm/not-running") return "gone";
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, backOff(attempt)); // sleeps
  }
}

function freeze(call: Call, qemu: number): void {
  onDomain(call, uuid, "pause", (dom, doing) => {
    const { state } = stateOf(call, dom, doing);
    if (state === "paused") return say({ kind: "already-paused" });
    if (state !== "running" && state !== "blocked") {
      throw new CasemateError(
        "vm/not-running",
        `Cannot pause ${record.name}: it is ${state}, expected it to run.`,
      );
    }
    const from = process.hrtime.bigint();
    if (call.lib.virDomainSuspend(dom) < 0) {
      const failure = toFailure(failureOf(call, dom, doing));
      // A libvirtd that went away in the middle may have stopped the VM first.
      if (failure.code === "libvirt/unreachable") resumeForSure(call, dom, qemu);
      throw new CasemateError(failure.code, failure.message);
    }
    say({ kind: "frozen" });
    const order = nextOrder(limitMs - Number(process.hrtime.bigint() - from) / 1e6);
    const resumption = resumeForSure(call, dom, qemu);
    const microseconds = Math.ceil(Number(process.hrtime.bigint() - from) / 1e3);
    rmSync(entryPath, { force: true });
    say({ kind: "ended", resumption, told: order === "thaw", microseconds });
  });
}

function failureOf(call: Call, dom: VirDomain, doing: string): unknown {
  try {
    return checkedRunning(call, dom, doing, -1);
  } catch (thrown) {
    return thrown;
  }
}

function watch(): void {
  const pid = findQemuRun(record.run);
  if (pid === undefined) {
    throw new CasemateError("vm/gone", `Cannot pause ${record.name}: it has stopped.`);
  }
  const qemu = openPidFd(pid);
  initialiseLibvirt();
  const call = connect();
  if (findQemuRun(record.run) !== pid) {
    throw new CasemateError("vm/gone", `Cannot pause ${record.name}: it has stopped.`);
  }
  say({ kind: "ready" });
  if (nextOrder(Number.POSITIVE_INFINITY) === "freeze") freeze(call, qemu);
}

for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => {});
try {
  watch();
} catch (thrown) {
  const { code, message } = toFailure(thrown);
  say({ kind: "error", code, message });
}
rmSync(entryPath, { force: true });
