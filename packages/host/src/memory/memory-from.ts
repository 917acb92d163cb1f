import { closeSync, readSync } from "node:fs";
import { CasemateError, formatAddress, gpa, type PhysicalMemory } from "@casemate/core";
import { CopyingMemory } from "./copying-memory.ts";
import type { GuestMemoryDescription } from "./guest-memory-description.ts";
import { MappedMemory } from "./mapped-memory.ts";
import { isRunning } from "./pid-fd.ts";

/**
 * Reads the guest RAM that `openGuestMemory` described, by descriptors this process holds.
 *
 * Needs no rights but the descriptors, which it owns from then on. A mapped guest that ends stays
 * readable as it was at its end until the next `refresh()`; any other throws `vm/gone` at once.
 */
export function memoryFrom(
  description: GuestMemoryDescription,
  fds: readonly number[],
): PhysicalMemory {
  const [pidFd = -1, memory = -1] = fds;
  const isAlive = () => isRunning(pidFd);
  const { pieces } = description;
  switch (description.kind) {
    case "mapped":
      return new MappedMemory({
        description: description.description,
        pieces,
        fds,
        live: true,
        isAlive,
      });
    case "process":
      return new CopyingMemory({
        description: description.description,
        pieces,
        live: true,
        fill(number, address, target) {
          const piece = pieces[number];
          if (piece === undefined) return;
          const offset = piece.offset + (address - piece.start);
          readProcess(memory, offset, target, (seen) => {
            const ended = isAlive() ? seen : "its QEMU process ended";
            return new CasemateError(
              "vm/gone",
              `Cannot read ${description.description} at ${formatAddress(gpa(address))}: ${ended}, expected ${target.length} bytes.`,
            );
          });
        },
        close() {
          for (const fd of fds) closeSync(fd);
        },
      });
  }
}

function readProcess(
  fd: number,
  offset: number,
  target: Uint8Array,
  gone: (seen: string) => CasemateError,
): void {
  for (let done = 0; done < target.length; ) {
    let count: number;
    try {
      count = readSync(fd, target, done, target.length - done, offset + done);
    } catch (error) {
      throw gone(error instanceof Error ? error.message : String(error));
    }
    // Reading the memory of a process that ended succeeds with nothing (fs/proc/base.c, mem_rw).
    if (count === 0) throw gone("nothing is there");
    done += count;
  }
}
