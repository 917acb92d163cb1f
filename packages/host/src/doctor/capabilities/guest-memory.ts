import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { defineCapability } from "../capability.ts";

/** The user that stands for QEMU's: `nobody`. */
const OTHER_USER = 65534;
/** CAP_SYS_PTRACE (linux/capability.h): without it, only this user's own processes may be read. */
const CAP_SYS_PTRACE = 19n;

export const guestMemory = defineCapability({
  id: "guest-memory",
  title: "Reading guests' memory",
  async probe(_context, signal) {
    const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"));
    const capable = ((BigInt(`0x${effective?.[1] ?? "0"}`) >> CAP_SYS_PTRACE) & 1n) === 1n;
    if (process.geteuid?.() !== 0) {
      const words = "CAP_SYS_PTRACE, which reading other users' processes needs";
      if (capable) return { state: "ok", detail: `this process has ${words}` };
      return { state: "unusable", detail: `this process lacks ${words}`, fix: "sudo casemate up" };
    }
    // Root: tried on a process of another user, as a guest's QEMU is one.
    const options = { uid: OTHER_USER, gid: OTHER_USER, stdio: "pipe", signal } as const;
    const child = spawn("cat", [], { ...options, cwd: "/" });
    await once(child, "spawn", { signal });
    try {
      closeSync(openSync(`/proc/${child.pid}/mem`, "r"));
      return { state: "ok", detail: "another user's process could be opened" };
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : String(error);
      const detail = `opening another user's process gives ${code}`;
      return { state: "unusable", detail: isLocked() ? `${detail}; ${LOCKED}` : detail };
    } finally {
      child.stdin.end(); // it ends with its input
    }
  },
});

const LOCKED = "kernel.yama.ptrace_scope is 3, which only a reboot with a lower one undoes";

function isLocked(): boolean {
  try {
    return readFileSync("/proc/sys/kernel/yama/ptrace_scope", "utf8").trim() === "3";
  } catch {
    return false; // a kernel without Yama restricts nothing
  }
}
