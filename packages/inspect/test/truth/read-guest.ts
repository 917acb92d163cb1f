import { openVmMemory, type QemuMonitor } from "@casemate/host";
import { qmpCommand, type TestGuest } from "@casemate/lab";
import { attach, type Kernel, type ProfileCache } from "../../src/index.ts";

/** A running test guest's memory, and its kernel as seen from outside. */
export async function attachToGuest(
  guest: TestGuest,
  profiles?: ProfileCache,
): Promise<{ readonly kernel: Kernel } & AsyncDisposable> {
  const monitor: QemuMonitor = {
    hmp: async (line) =>
      String(await qmpCommand(guest.qmpSocket, "human-monitor-command", { "command-line": line })),
    qmp: (command) => qmpCommand(guest.qmpSocket, command.execute),
  };
  const memory = await openVmMemory({ pid: guest.pid, description: "test guest", monitor });
  const kernel = attach(memory, profiles === undefined ? {} : { profiles });
  return { kernel, [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose]() };
}
