/**
 * Reading a guest's RAM: mapped, through its QEMU process, and from a raw image;
 * beside what the kernel's own read of the same bytes takes. Processor time, best of some.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MiB, type PhysicalMemory } from "@casemate/core";
import { openMemoryImage } from "../src/memory/open-memory-image.ts";
import { openVmMemory } from "../src/memory/open-vm-memory.ts";
import { startTestQemu } from "../src/memory/qemu.fixture.ts";

const SIZE = 256 * MiB;
const START = 16 * MiB;
const directory = mkdtempSync(join(tmpdir(), "casemate-bench-"));
process.on("exit", () => rmSync(directory, { recursive: true }));
const image = join(directory, "image");
writeFileSync(image, Buffer.alloc(SIZE, "casemate"));

/** Milliseconds of processor time of this process, the least of three runs. */
function measure(work: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 3; run += 1) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

function scan(memory: PhysicalMemory, start: number): number {
  let sum = 0;
  const size = 2 ** memory.windowShift;
  for (let at = start; at < start + SIZE; ) {
    const view = memory.window(Math.floor(at / size));
    const inside = at % size;
    const length = Math.min(size - inside, start + SIZE - at);
    if (view === undefined) throw new Error("no RAM");
    const words = new Uint32Array(view.buffer, view.byteOffset + inside, length / 4);
    for (let i = 0; i < words.length; i += 1) sum ^= words[i] ?? 0;
    at += length;
  }
  return sum;
}

function readRandomly(memory: PhysicalMemory, start: number, count: number): number {
  let sum = 0;
  let random = 12345;
  const size = 2 ** memory.windowShift;
  for (let i = 0; i < count; i += 1) {
    random = (Math.imul(random, 1103515245) + 12345) >>> 0;
    const at = start + (random % (SIZE / 8)) * 8;
    sum ^= memory.window(Math.floor(at / size))?.getUint32(at % size, true) ?? 0;
  }
  return sum;
}

const rows: (readonly [what: string, perGiB: string, reads: string])[] = [];
function report(what: string, memory: PhysicalMemory, start: number, count: number): void {
  const whole = measure(() => {
    memory.refresh();
    scan(memory, start);
  });
  const random = measure(() => {
    memory.refresh();
    readRandomly(memory, start, count);
  });
  rows.push([what, (whole * 4).toFixed(0), (count / random / 1000).toFixed(2)]);
}

{
  const fd = openSync(image, "r");
  const buffer = Buffer.alloc(MiB);
  const limit = measure(() => {
    for (let at = 0; at < SIZE; at += MiB) readSync(fd, buffer, 0, MiB, at);
  });
  rows.push(["limit: read() of the file", (limit * 4).toFixed(0), "–"]);
  closeSync(fd);
}
{
  await using memory = await openMemoryImage(image);
  report("raw image", memory, 0, 500_000);
}
for (const backing of ["memfd", "process"]) {
  const shared = ["-object", `memory-backend-memfd,id=ram0,size=${2 * SIZE}B,share=on`];
  const machine = backing === "memfd" ? ["q35,memory-backend=ram0", ...shared] : ["q35"];
  const loader = ["-device", `loader,file=${image},addr=0x${START.toString(16)},force-raw=on`];
  await using qemu = await startTestQemu([
    "-machine",
    ...machine,
    "-m",
    `${(2 * SIZE) / MiB}M`,
    ...loader,
  ]);
  await using memory = await openVmMemory({ pid: qemu.pid, description: "bench", monitor: qemu });
  report(`${backing} of a guest`, memory, START, backing === "memfd" ? 500_000 : 50_000);
}

console.log("| source | ms per GiB read once | million random reads/s, copies forgotten before |");
console.log("|---|---|---|");
for (const row of rows) console.log(`| ${row.join(" | ")} |`);
