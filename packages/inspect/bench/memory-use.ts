/**
 * Memory that a process needs for one guest, and for each more of the same kernel build, after looking at
 * every view; in bytes, as JSON. Argument: a raw dump, which is opened for each guest anew.
 *
 * Pages of the guest's own RAM, which are mapped, are not counted: /proc/self/smaps tells them by their file.
 */
import { openMemoryImage } from "@casemate/host";
import { attach, DATA_CLASSES, type Kernel, ProfileCache, views } from "../src/index.ts";
import { readMemoryUse } from "./read-memory-use.ts";

const MORE = 16;
const [, , dump = ""] = process.argv;
const profiles = new ProfileCache();
const kernels: Kernel[] = [];

async function lookAtGuest(): Promise<void> {
  const kernel = attach(await openMemoryImage(dump), { profiles });
  kernels.push(kernel);
  const grant = kernel.grant(...DATA_CLASSES);
  for (const view of views) {
    if (view.argument?.required !== true) grant.read(view, { milliseconds: 20_000 });
  }
}

const isDump = (file: string) => file.endsWith(dump);
const before = readMemoryUse(isDump);
await lookAtGuest();
const one = readMemoryUse(isDump);
for (let i = 0; i < MORE; i += 1) await lookAtGuest();
const all = readMemoryUse(isDump);
console.log(
  JSON.stringify({
    idle: before.resident,
    one: one.resident,
    oneAnonymous: one.anonymous,
    more: (all.resident - one.resident) / MORE,
    guests: kernels.length,
  }),
);
