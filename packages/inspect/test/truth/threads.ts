import assert from "node:assert/strict";
import type { ThreadRow } from "../../src/index.ts";
import { quote } from "./make-memory.ts";
import { makeProcesses } from "./make-processes.ts";
import { readBoth } from "./read-both.ts";
import type { RunInGuest, Truth } from "./truth.ts";

async function prepare(run: RunInGuest): Promise<void> {
  const { output, exitCode } = await run(makeProcesses);
  assert.equal(exitCode, 0, output);
}

/** All threads but those of this shell and what it runs; names in hex, kernel threads' left out. */
const READ_TASKS = String.raw`
sub slurp { open my $f, "<", $_[0] or return ""; local $/; return <$f> // "" }
sub stat_of { my ($stat) = slurp("$_[0]/stat") =~ /.*\) (.*)/s or return; return (0, 0, 0, split / /, $stat) }
my $session = (stat_of("/proc/$$"))[6];
for my $path (glob "/proc/[0-9]*/task/[0-9]*") {
  my ($pid, $tid) = $path =~ /(\d+)/g;
  my @stat = stat_of($path) or next;
  next if $stat[6] == $session;
  my $kernel = ($stat[9] >> 21) & 1;
  # Where it sleeps, with a whole stack: /proc/PID/wchan of 5.10 guesses.
  my ($wchan) = slurp("$path/stack") =~ /^\[<0>\] ([^+]+)\+/;
  $wchan = "-" if $stat[3] eq "R" || !defined $wchan;
  print join(" ", $pid, $tid, $kernel ? "-" : unpack("H*", slurp("$path/comm") =~ s/\n\z//r),
    $kernel, @stat[22, 19, 40, 41], $kernel ? "-" : "$stat[3] $stat[39] $wchan"), "\n";
}
`;

/** Kernel threads but those that asking wakes. */
const READ_KERNEL_STACKS = String.raw`
sub slurp { open my $f, "<", $_[0] or return ""; local $/; return <$f> // "" }
for my $pid (sort { $a <=> $b } map { s,/proc/,,r } glob "/proc/[0-9]*") {
  my $stat = slurp("/proc/$pid/stat");
  next if $stat !~ /^\d+ \((?!rcu|kworker.[^R]|ksoftirqd)/ || $stat !~ / \(.*\) \S 2 /;
  print "$pid $1\n" if slurp("/proc/$pid/stack") =~ /^\[<0>\] ([^+]+)\+/;
}
`;

const POLICIES = ["normal", "fifo", "rr", "batch", "iso", "idle", "deadline", "ext"] as const;
/** Nanoseconds in a `clock_t` of user space (USER_HZ). */
const TICK = 10_000_000;

/** A row as a line of `READ_TASKS`. */
function lineOf(row: ThreadRow): string {
  const { pid, tid, name, kernelThread, startedNs, nice, realtimePriority, policy, state } = row;
  return [
    ...[pid, tid, kernelThread ? "-" : Buffer.from(name).toString("hex"), kernelThread ? 1 : 0],
    ...[Math.floor(startedNs / TICK), nice, realtimePriority],
    ...[policy === null ? "" : POLICIES.indexOf(policy)],
    ...(kernelThread ? ["-"] : [state, row.cpu, row.wchan ?? "-"]),
  ].join(" ");
}

export const threadsTruths: readonly Truth[] = [
  {
    view: "threads",
    claim: "each thread is as /proc/PID/task shows it, and sleeps where its kernel stack says",
    prepare,
    async compare(run, read) {
      const command = `perl -e ${quote(READ_TASKS)}`;
      const { output, rows } = await readBoth<ThreadRow>(run, read, "threads", command);
      const said = output.trimEnd().split("\n");
      const tids = new Set(said.map((line) => line.split(" ")[1]));
      const seen = rows.filter(({ tid }) => tids.has(String(tid))).map(lineOf);
      assert.ok(
        said.some((line) => line.split(" ")[0] !== line.split(" ")[1]),
        "a process with several threads is among them",
      );
      assert.deepEqual(seen.toSorted(), said.toSorted());
    },
  },
  {
    view: "threads",
    claim: "kernel threads that sleep do so where their stack says",
    prepare,
    async compare(run, read) {
      const command = `perl -e ${quote(READ_KERNEL_STACKS)}`;
      const { output, rows } = await readBoth<ThreadRow>(run, read, "threads", command);
      const said = output.trimEnd().split("\n");
      const sleeps = new Map(rows.map((row) => [row.tid, row.wchan]));
      const seen = said.map((line) => {
        const tid = Number(line.split(" ")[0]);
        return `${tid} ${sleeps.get(tid) ?? ""}`.trimEnd();
      });
      assert.ok(said.length > 20, "there are kernel threads");
      assert.deepEqual(seen, said);
    },
  },
];
