/**
 * Sweeps of a guest of 150 processes and 60 modules: all detectors of low cost at first and again, each of
 * them by itself, and those of high cost; beside the limits, and what Volatility 3 takes for one check.
 *
 * Times are wall-clock: the best of some runs, and the median.
 */
import { bootTestGuest, ensureImage, labCacheDir } from "@casemate/lab";
import { type AnyDetector, detectors } from "../src/detect/detectors.ts";
import { DATA_CLASSES, type SweepOptions, sweep } from "../src/index.ts";
import { labFiles } from "../test/detect/lab-files.ts";
import { diskModules } from "../test/truth/disk-modules.ts";
import { attachToGuest } from "../test/truth/read-guest.ts";
import { summarize, type Timing } from "./measure.ts";

const PROCESSES = 150;
const MODULES = 60;
const FULL_MS = 50;
const AGAIN_MS = 15;
const TEXT_MS = 250;
/** `linux.check_syscall` of Volatility 3 over a dump of 1 GiB. */
const VOLATILITY_MS = 16_000;

/** Modules that need no device, so that there are as many as a server has. */
const moreModules = [
  ..."nf_conntrack nf_nat nft_ct nft_masq nft_chain_nat nft_log nft_limit nft_reject_inet nft_compat".split(
    " ",
  ),
  ..."xt_conntrack xt_comment xt_mark xt_multiport xt_addrtype ip_tables iptable_filter".split(" "),
  ..."ip6_tables ip6table_filter macvlan ipvlan vxlan tun tap bonding 8021q ip_set wireguard".split(
    " ",
  ),
  ..."dm_mod dm_crypt raid1 fuse isofs squashfs nfs cifs vfat xfs btrfs configfs nbd".split(" "),
];
const PREPARE = `
for m in ${[...diskModules, ...moreModules].join(" ")}; do
  [ $(lsmod | wc -l) -gt ${MODULES} ] && break; modprobe $m 2>/dev/null
done
i=$(ls -d /proc/[0-9]* | wc -l); while [ $i -lt ${PROCESSES + 3} ]; do sleep 100000 & i=$((i+1)); done
echo $(ls -d /proc/[0-9]* | wc -l) $(lsmod | wc -l)`;

const rows: string[][] = [["what", "best", "median", "limit or peer", "ratio"]];
const time = (ms: number) => `${ms.toFixed(ms < 10 ? 2 : 0)} ms`;
function report(what: string, { best, median }: Timing, beside?: string, limit?: number): void {
  const ratio = limit === undefined ? "–" : (best / limit).toFixed(4).replace(/(\.\d\d)\d*$/, "$1");
  rows.push([what, time(best), time(median), beside ?? "–", ratio]);
}

await using guest = await bootTestGuest({
  cacheDir: labCacheDir,
  role: "build",
  memoryMiB: 1024,
  diskModules: [...diskModules, ...moreModules],
});
const [processes, modules] = (await guest.console.output(PREPARE)).trim().split(" ");
await using seen = await attachToGuest(guest);
using files = await labFiles(guest.kernel, await ensureImage({ cacheDir: labCacheDir }));

/** Sweeps `runs` times; each begins with what the one before kept, or with nothing. */
async function measureSweeps(
  chosen: readonly AnyDetector[],
  runs: number,
  keeps: boolean,
): Promise<Timing> {
  let kept: SweepOptions["kept"] = new Map();
  const times: number[] = [];
  for (let i = 0; i < runs; i += 1) {
    if (!keeps) kept = new Map();
    const started = performance.now();
    const verdicts = await sweep(seen.kernel, {
      detectors: chosen,
      classes: DATA_CLASSES,
      budget: 5_000,
      allowances: { rawSockets: [], codeMakers: [] },
      files,
      kept,
    });
    times.push(performance.now() - started);
    const found = verdicts.filter(({ suspicions }) => suspicions.length > 0);
    if (found.length > 0)
      throw new Error(`${found[0]?.detector} found something in a sound guest.`);
  }
  return summarize(times);
}

const low = detectors.filter(({ cost }) => cost === "low");
const guestSize = `${processes} processes, ${modules} modules`;
const full = await measureSweeps(low, 40, false);
report(
  `all ${low.length} detectors of low cost, nothing kept (${guestSize})`,
  full,
  `under ${FULL_MS} ms`,
  FULL_MS,
);
report(
  "  beside one check by another tool",
  full,
  "Volatility 3, check_syscall: 16 s",
  VOLATILITY_MS,
);
report(
  "all of them again, with what was kept",
  await measureSweeps(low, 40, true),
  `under ${AGAIN_MS} ms`,
  AGAIN_MS,
);
for (const detector of low) {
  report(`  ${detector.id}, again`, await measureSweeps([detector], 20, true));
}
for (const detector of detectors.filter(({ cost }) => cost === "high")) {
  report(`${detector.id}, at first`, await measureSweeps([detector], 3, false));
  report(`${detector.id}, again`, await measureSweeps([detector], 5, true));
}
const withText = detectors.filter(({ cost, id }) => cost === "low" || id.endsWith("-text"));
report(
  "all of low cost and those that compare text, again",
  await measureSweeps(withText, 10, true),
  `under ${TEXT_MS} ms`,
  TEXT_MS,
);
const [head = [], ...body] = rows;
for (const row of [head, head.map(() => "---"), ...body]) console.log(`| ${row.join(" | ")} |`);
