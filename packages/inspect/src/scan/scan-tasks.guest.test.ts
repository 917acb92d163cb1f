import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gva } from "@casemate/core";
import { openMemoryImage } from "@casemate/host";
import { bootTestGuest, labCacheDir } from "@casemate/lab";
import { attach, findSlabCache, processes, scanObjects, scanTasks } from "../index.ts";

const directory = mkdtempSync(join(tmpdir(), "casemate-scan-"));
after(() => rmSync(directory, { recursive: true }));
const dump = join(directory, "dump.raw");

/** Writes a dump of a guest; `victim` is a process in it that has opened a file `opened` times. */
async function makeDump(opened: number) {
  await using guest = await bootTestGuest({ cacheDir: labCacheDir, memoryMiB: 256 });
  const files = Array.from({ length: opened }, (_, i) => `exec ${i + 3}</etc/passwd;`).join("");
  const started = await guest.console.output(`sh -c '${files} sleep 1000; true' & echo $!`);
  // Tasks that all end leave free ones behind.
  await guest.console.output("for i in $(seq 60); do sleep 0.3 & done; wait");
  const listed = await guest.console.output("sleep 1; ls -d /proc/[0-9]*/task/[0-9]*");
  await guest.dump(dump);
  return {
    victim: Number(started),
    tasks: listed
      .trim()
      .split("\n")
      .map((path) => Number(path.split("/")[4])),
  };
}

const { victim, tasks } = await makeDump(5);
const limits = { steps: 5_000_000, milliseconds: 20_000 };

test("scanTasks: finds every thread that the guest has, and marks ended ones as free", async () => {
  await using memory = await openMemoryImage(dump);
  const grant = attach(memory).grant("kernelMetadata");
  const { items } = grant.read(processes);
  const { value: found } = grant.look(({ kernel }) => [...scanTasks(kernel)], limits);
  const inUse = new Set(found.filter((task) => task.inUse).map(({ pid }) => pid));
  assert.deepEqual(
    items.filter(({ pid }) => !inUse.has(pid)),
    [],
  );
  // The shell that listed them has started and ended some itself.
  const missed = tasks.filter((pid) => !inUse.has(pid));
  assert.ok(missed.length <= 2, `not found: ${missed}`);
  for (const { pid, name, address, inUse: used } of found) {
    const row = items.find((item) => item.pid === pid);
    if (row === undefined || !used) continue;
    assert.equal(`0x${address.toString(16)}`, row.task);
    if (!row.kernelThread) assert.equal(name, row.name);
  }
  assert.ok(
    found.some((task) => !task.inUse),
    "none that has ended",
  );
});

test("scanTasks: finds a task that was taken off the list of tasks", async () => {
  {
    await using memory = await openMemoryImage(dump);
    const grant = attach(memory).grant("kernelMetadata");
    const { items } = grant.read(processes);
    const row = items.find(({ pid }) => pid === victim);
    assert.ok(row !== undefined);
    // As rootkits do: next->prev = prev, prev->next = next.
    const fd = openSync(dump, "r+");
    grant.look(({ kernel }) => {
      const node = kernel.struct("task_struct").address("tasks")(gva(BigInt(row.task)));
      const next = kernel.memory.pointer(node);
      const previous = kernel.memory.pointer(node, 8);
      const write = (at: typeof node, offset: number, value: bigint) => {
        const bytes = Buffer.alloc(8);
        bytes.writeBigUInt64LE(value);
        writeSync(fd, bytes, 0, 8, kernel.memory.translate(at) + offset);
      };
      write(next, 8, previous);
      write(previous, 0, next);
    });
    closeSync(fd);
  }
  await using memory = await openMemoryImage(dump);
  const grant = attach(memory).grant("kernelMetadata");
  assert.ok(!grant.read(processes).items.some(({ pid }) => pid === victim));
  const { value: found } = grant.look(({ kernel }) => [...scanTasks(kernel)], limits);
  assert.ok(found.some(({ pid, inUse }) => pid === victim && inUse));
});

test("scanObjects: finds open files by the name of their cache", async () => {
  await using memory = await openMemoryImage(dump);
  const { value } = attach(memory)
    .grant("kernelMetadata")
    .look(({ kernel }) => {
      const cache = findSlabCache(kernel, "filp");
      assert.ok(cache !== undefined);
      assert.equal(findSlabCache(kernel, "no such cache"), undefined);
      const inode = kernel.struct("file").pointer("f_inode");
      const used = [...scanObjects(kernel, [cache])].filter(({ inUse }) => inUse);
      const counts = new Map<bigint, number>();
      for (const { address } of used) {
        counts.set(inode(address), (counts.get(inode(address)) ?? 0) + 1);
      }
      return Math.max(...counts.values());
    }, limits);
  assert.ok(value >= 5, `one file is open ${value} times, expected 5`);
});
