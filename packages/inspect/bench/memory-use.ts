/**
 * Memory that a process needs for one guest, and for each more of the same kernel build, after looking at
 * every view; in bytes, as JSON. Argument: a raw dump, which is opened for each guest anew.
 *
 * Pages of the guest's own RAM, which are mapped, are not counted: /proc/self/smaps tells them by their file.
 */
import { readFileSync } from "node:fs";
import { openMemoryImage } from "@casemate/host";
import { attach, DATA_CLASSES, type Kernel, ProfileCache, views } from "../src/index.ts";

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

/** Resident memory, without guest RAM: all of it, and what no file backs. */
function readMemoryUse(): { readonly resident: number; readonly anonymous: number } {
  globalThis.gc?.();
  let resident = 0;
  let anonymous = 0;
  let isGuest = false;
  for (const line of readFileSync("/proc/self/smaps", "utf8").split("\n")) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) isGuest = line.endsWith(dump);
    const [, field, kilobytes] = /^(Rss|Anonymous): +(\d+) kB$/.exec(line) ?? [];
    if (isGuest || field === undefined) continue;
    if (field === "Rss") resident += Number(kilobytes) * 1024;
    else anonymous += Number(kilobytes) * 1024;
  }
  return { resident, anonymous };
}

const before = readMemoryUse();
await lookAtGuest();
const one = readMemoryUse();
for (let i = 0; i < MORE; i += 1) await lookAtGuest();
const all = readMemoryUse();
console.log(
  JSON.stringify({
    idle: before.resident,
    one: one.resident,
    oneAnonymous: one.anonymous,
    more: (all.resident - one.resident) / MORE,
    guests: kernels.length,
  }),
);
