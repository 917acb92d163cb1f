/**
 * What finding a kernel takes in a process that has done nothing else, then with its build known; in
 * milliseconds, as JSON. Argument: a raw dump.
 */
import { openMemoryImage } from "@casemate/host";
import { attach, ProfileCache, processes } from "../src/index.ts";

const [, , dump = ""] = process.argv;
await using memory = await openMemoryImage(dump);
const profiles = new ProfileCache();
const times = Array.from({ length: 2 }, () => {
  const started = performance.now();
  attach(memory, { profiles });
  return performance.now() - started;
});
const started = performance.now();
attach(memory, { profiles }).grant("kernelMetadata").read(processes);
console.log(
  JSON.stringify({ cold: times[0], cached: times[1], first: performance.now() - started }),
);
