/**
 * Looks at damaged disk images: qcow2, partition tables, LVM2, file systems.
 *
 *     node packages/formats/fuzz/disk.fuzz.ts [--seed N] [--count N]
 */
import { parseArgs } from "node:util";
import { runDiskMutants } from "./disk-mutants.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "10000" },
  },
});
const { mutants, outcomes, worst } = await runDiskMutants(
  Number(values.seed),
  Number(values.count),
);
const peak = Math.round(process.resourceUsage().maxRSS / 1024);
console.log(
  JSON.stringify({
    mutants,
    outcomes,
    worstMs: worst.milliseconds,
    worstSeed: worst.seed,
    peakMiB: peak,
  }),
);
