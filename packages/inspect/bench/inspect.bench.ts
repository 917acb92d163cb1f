/**
 * Looking into a guest of 200 processes and 1 GiB: whole command, finding the kernel, views, reads, scan,
 * memory; beside each its limit, and what the machine or a peer does with the same bytes.
 *
 * Times are wall-clock: the best of some runs, and the median.
 */
import { spawnSync } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { formatBytes, GiB, MiB, type PhysicalMemory } from "@casemate/core";
import { openMemoryImage } from "@casemate/host";
import {
  type AnyView,
  attach,
  DATA_CLASSES,
  findSlabCache,
  type Kernel,
  scanObjects,
  scanTasks,
  views,
} from "../src/index.ts";
import { attachToGuest } from "../test/truth/read-guest.ts";
import { openBenchMaterial } from "./bench-guest.ts";
import { measure, summarize, type Timing } from "./measure.ts";
import { measureDrgn } from "./measure-drgn.ts";
import { findRegion, measurePlainReads, measureReads, ORDERS } from "./translated-reads.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const LIMITS = { milliseconds: 60_000, steps: 100_000_000 };

const notes: string[] = [];
const rows: string[][] = [["what", "best", "median", "limit or peer", "ratio"]];
const time = (ms: number) => `${ms.toFixed(ms < 10 ? 2 : 0)} ms`;
const ratio = (ours: number, theirs: number) => (ours / theirs).toFixed(2);

/** A time beside the one it must stay under. */
function reportTime(what: string, { best, median }: Timing, limitMs: number): void {
  rows.push([what, time(best), time(median), `under ${limitMs} ms`, ratio(best, limitMs)]);
}

/** A time beside what something else takes; how many times as long is the ratio. */
function reportBeside(what: string, { best, median }: Timing, peer: string, peerMs: number): void {
  rows.push([what, time(best), time(median), `${peer}: ${time(peerMs)}`, ratio(best, peerMs)]);
}

function runChild(file: string, dump: string): Record<string, number> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const run = spawnSync(process.execPath, ["--expose-gc", path, dump], { encoding: "utf8" });
  if (run.status !== 0) throw new Error(`${file} failed: ${run.stderr}`);
  return JSON.parse(run.stdout) as Record<string, number>; // our own program, just above
}

function measureCommand(file: string, args: readonly string[]): Timing {
  spawnSync(file, args); // fills Node's cache of compiled code
  return measure(15, () => {
    const run = spawnSync(file, args);
    if (run.status !== 0) throw new Error(`${file} failed: ${run.stderr}`);
  });
}

function reportViews(where: string, kernel: Kernel): void {
  const grant = kernel.grant(...DATA_CLASSES);
  const plain = views.filter((view) => view.argument?.required !== true);
  const read = (view: AnyView) => grant.read(view, LIMITS);
  const limits: Readonly<Record<string, number>> = { processes: 2, sockets: 5, modules: 1 };
  for (const view of plain) {
    if (!["processes", "threads", "modules", "sockets"].includes(view.id)) continue;
    const count = read(view).items.length;
    const timing = measure(200, () => read(view));
    const what = `${view.id}, warm, ${where} (${count} rows)`;
    const limit = limits[view.id];
    if (limit !== undefined) reportTime(what, timing, limit);
    else rows.push([what, time(timing.best), time(timing.median), "–", "–"]);
  }
  const all = measure(40, () => plain.forEach(read));
  reportTime(`all ${plain.length} views without an argument, warm, ${where}`, all, 60);
}

function reportReads(kernel: Kernel, memory: PhysicalMemory, dump: string): void {
  const region = findRegion(kernel);
  const drgn = measureDrgn(kernel, dump, region);
  if (drgn === undefined) notes.push("drgn: not measured: install python3-drgn.");
  for (const order of ORDERS) {
    const ways = [
      ["by address and offset", measureReads(kernel, region.directMap, order, "offset")],
      ["by address", measureReads(kernel, region.directMap, order, "address")],
      ["through page tables", measureReads(kernel, region.vmemmap, order, "offset")],
    ] as const;
    const beside = [
      ["at least", 10],
      ["plain reads of the mapping", measurePlainReads(memory, region, order)],
      ...(drgn === undefined ? [] : [["drgn", drgn(order)] as const]),
    ] as const;
    for (const [way, rate] of ways) {
      for (const [name, theirs] of beside) {
        const what = `8-byte reads, ${order}, ${way}`;
        const their = `${name}: ${theirs.toFixed(1)} M/s`;
        rows.push([what, `${rate.toFixed(1)} M/s`, "", their, ratio(rate, theirs)]);
      }
    }
  }
}

/** Milliseconds to read the file once, and to search its bytes for a pattern that is not there. */
function measureBytes(
  dump: string,
  view: DataView,
): { readonly read: number; readonly search: number } {
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  const needle = Buffer.from("casemate: these bytes are nowhere");
  const search = measure(3, () => bytes.indexOf(needle)).best;
  const fd = openSync(dump, "r");
  const chunk = Buffer.alloc(MiB);
  const read = measure(3, () => {
    for (let at = 0; at < bytes.length; at += MiB) readSync(fd, chunk, 0, MiB, at);
  }).best;
  closeSync(fd);
  return { read, search };
}

await using material = await openBenchMaterial();
const { dump, guest } = material;

{
  const node = measureCommand(process.execPath, ["-e", "0"]);
  const command = `${root}/casemate`;
  const whole = measureCommand(command, ["inspect", "--memory", dump, "processes"]);
  reportTime("casemate inspect --memory FILE processes", whole, 250);
  reportBeside("casemate inspect --memory FILE processes", whole, "node -e 0", node.best);
}
{
  const runs = Array.from({ length: 9 }, () => runChild("attach-once.ts", dump));
  const of = (name: string) => summarize(runs.map((run) => run[name] ?? 0));
  reportTime("attach, new process", of("cold"), 120);
  reportTime("attach, build known", of("cached"), 20);
}
{
  await using memory = await openMemoryImage(dump);
  const kernel = attach(memory);
  reportViews("dump", kernel);
  reportReads(kernel, memory, dump);

  const grant = kernel.grant("kernelMetadata");
  const perGiB = ({ best, median }: Timing): Timing => {
    const size = memory.ranges.reduce((sum, { start, end }) => sum + end - start, 0);
    return { best: (best * GiB) / size, median: (median * GiB) / size };
  };
  const window = memory.window(0);
  if (window === undefined) throw new Error("A guest without RAM at 0.");
  const bytes = measureBytes(dump, window);
  const tasks = perGiB(
    measure(9, () => grant.look((access) => [...scanTasks(access.kernel)].length, LIMITS)),
  );
  reportTime("scan of all RAM for tasks, a GiB", tasks, 500);
  reportBeside("scan of all RAM for tasks, a GiB", tasks, "Buffer.indexOf", bytes.search);
  reportBeside("scan of all RAM for tasks, a GiB", tasks, "read() of the file", bytes.read);
  const files = perGiB(
    measure(9, () =>
      grant.look(({ kernel: reader }) => {
        const cache = findSlabCache(reader, "filp");
        return [...scanObjects(reader, cache === undefined ? [] : [cache])].length;
      }, LIMITS),
    ),
  );
  reportTime("scan of all RAM for open files, a GiB", files, 500);
}
{
  await using live = await attachToGuest(guest);
  reportViews("live guest", live.kernel);
}
{
  const use = runChild("memory-use.ts", dump);
  const size = (name: string) => use[name] ?? 0;
  const report = (what: string, bytes: number, limit: number) =>
    rows.push([what, formatBytes(bytes), "", `under ${formatBytes(limit)}`, ratio(bytes, limit)]);
  report("resident for one guest, its RAM not counted", size("one"), 150 * MiB);
  report("  of it not backed by files", size("oneAnonymous"), 150 * MiB);
  report("  of it before the guest: Node and sources", size("idle"), 150 * MiB);
  report("more for each further guest of that build", size("more"), 2 * MiB);
}

const [head = [], ...body] = rows;
for (const row of [head, head.map(() => "---"), ...body]) console.log(`| ${row.join(" | ")} |`);
for (const note of notes) console.log(`\n${note}`);
