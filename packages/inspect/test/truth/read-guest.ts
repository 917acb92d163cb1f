import { openVmMemory } from "@casemate/host";
import type { TestGuest } from "@casemate/lab";
import { attach, type Kernel, type ProfileCache } from "../../src/index.ts";

/** A running test guest's memory, and its kernel as seen from outside. */
export async function attachToGuest(
  guest: TestGuest,
  profiles?: ProfileCache,
): Promise<{ readonly kernel: Kernel } & AsyncDisposable> {
  const { pid, monitor } = guest;
  const memory = await openVmMemory({ pid, description: "test guest", monitor });
  const kernel = attach(memory, profiles === undefined ? {} : { profiles });
  return { kernel, [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose]() };
}
