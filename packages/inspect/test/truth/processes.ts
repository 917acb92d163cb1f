import assert from "node:assert/strict";
import type { ProcessRow } from "../../src/index.ts";
import { quote } from "./make-memory.ts";
import { makeProcesses } from "./make-processes.ts";
import { readBoth } from "./read-both.ts";
import type { RunInGuest, Truth } from "./truth.ts";

/** All of /proc that `factsOf` knows, a line a fact, but of this process and the shell it runs in. */
const READ_PROC = String.raw`
sub slurp { open my $f, "<", $_[0] or return ""; local $/; return <$f> // "" }
my %tty = map { /^\s*(\d+)\s+(\S+)/ ? ($1, $2) : () } qx(ps -eo pid=,tty=);
for my $pid (sort { $a <=> $b } grep { /^\d+$/ } map { s,/proc/,,r } glob "/proc/[0-9]*") {
  next if $pid == $$ || $pid == getppid;
  my %said = map { /^(\w+):\s*(.*?)\s*$/ ? ($1, $2) : () } split /\n/, slurp("/proc/$pid/status");
  my ($stat) = slurp("/proc/$pid/stat") =~ /.*\) (.*)/s or next;
  my @stat = (0, 0, 0, split / /, $stat);
  my $user = exists $said{VmSize} || $stat[3] eq "Z";
  my %fact = map { my ($name, $value) = ($_, $said{$_}); $value =~ s/\s+/ /g; ($name, $value) }
    grep { exists $said{$_} } qw(PPid Uid Gid Groups NSpid CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp VmSize);
  $fact{Groups} = join " ", sort { $a <=> $b } split / /, $fact{Groups};
  $fact{VmSize} =~ s/ kB// if exists $fact{VmSize};
  $fact{Name} = unpack "H*", slurp("/proc/$pid/comm") =~ s/\n\z//r if $user;
  $fact{State} = $stat[3] if $user; $fact{Threads} = $said{Threads} if $user;
  @fact{qw(pgrp session nice start rt policy)} = @stat[5, 6, 19, 22, 40, 41];
  $fact{tty} = $tty{$pid} // next;
  $fact{exe} = unpack "H*", readlink("/proc/$pid/exe") // "";
  $fact{cgroup} = unpack "H*", slurp("/proc/$pid/cgroup");
  for my $ns (qw(cgroup ipc mnt net pid time user uts)) { $fact{"ns/$ns"} = (readlink("/proc/$pid/ns/$ns") // "") =~ s/\D//gr }
  print map { "$pid $_ $fact{$_}\n" } sort keys %fact;
}
`;

const SECCOMP = { disabled: "0", strict: "1", filter: "2" } as const;
const POLICIES = ["normal", "fifo", "rr", "batch", "iso", "idle", "deadline", "ext"] as const;
/** Nanoseconds in a `clock_t` of user space (USER_HZ). */
const TICK = 10_000_000;

const hex = (text: string) => Buffer.from(text).toString("hex");

/** A row as lines of `READ_PROC`. */
function factsOf(row: ProcessRow): readonly string[] {
  const { credentials: cred, namespaces } = row;
  const { capabilities: caps } = cred;
  const cgroup = row.cgroups
    .map(({ hierarchy, controllers, path }) => `${hierarchy}:${controllers.join(",")}:${path}\n`)
    .join("");
  const isUser = row.virtualBytes > 0 || row.state === "Z";
  const facts: Record<string, string | number> = {
    PPid: row.ppid,
    Uid: [cred.uid, cred.euid, cred.suid, cred.fsuid].join(" "),
    Gid: [cred.gid, cred.egid, cred.sgid, cred.fsgid].join(" "),
    Groups: cred.groups.toSorted((one, other) => one - other).join(" "),
    NSpid: row.namespacePids.join(" "),
    CapInh: caps.inheritable.mask,
    CapPrm: caps.permitted.mask,
    CapEff: caps.effective.mask,
    CapBnd: caps.bounding.mask,
    CapAmb: caps.ambient.mask,
    NoNewPrivs: row.noNewPrivileges ? 1 : 0,
    Seccomp: row.seccomp === null ? "" : SECCOMP[row.seccomp],
    pgrp: row.processGroup,
    session: row.session,
    nice: row.nice,
    start: Math.floor(row.startedNs / TICK),
    rt: row.realtimePriority,
    policy: row.policy === null ? "" : POLICIES.indexOf(row.policy),
    tty: row.terminal ?? "?",
    exe: hex(row.executable ?? ""),
    cgroup: hex(cgroup),
    ...(isUser ? { Name: hex(row.name), State: row.state, Threads: row.threads } : {}),
    ...(row.virtualBytes > 0 ? { VmSize: row.virtualBytes / 1024 } : {}),
  };
  for (const [kind, inode] of Object.entries(namespaces)) facts[`ns/${kind}`] = inode ?? "";
  return Object.entries(facts).map(([name, value]) => `${row.pid} ${name} ${value}`);
}

async function prepare(run: RunInGuest): Promise<void> {
  const { output, exitCode } = await run(makeProcesses);
  assert.equal(exitCode, 0, output);
}

/** Processor time and resident memory of those that were made to be seen, which are at rest. */
const READ_COSTS = String.raw`
sub slurp { open my $f, "<", $_[0] or return ""; local $/; return <$f> // "" }
for my $pid (split / /, slurp("/run/casemate-processes.pids") =~ s/\n//r) {
  my @stat = split / /, slurp("/proc/$pid/stat") =~ s/.*\) //sr;
  my ($rss) = slurp("/proc/$pid/smaps_rollup") =~ /^Rss:\s+(\d+)/m;
  print join(" ", $pid, @stat[11, 12], $rss // 0), "\n";
}
`;

export const processesTruths: readonly Truth[] = [
  {
    view: "processes",
    claim: "each process is as /proc/PID/status, stat, cgroup, ns, exe and ps show it",
    prepare,
    async compare(run, read) {
      const command = `perl -e ${quote(READ_PROC)}`;
      const { output, rows } = await readBoth<ProcessRow>(run, read, "processes", command);
      const said = output.trimEnd().split("\n");
      const pids = new Set(said.map((line) => line.split(" ")[0]));
      const seen = rows.filter(({ pid }) => pids.has(String(pid))).flatMap(factsOf);
      assert.ok(pids.size > 60, "processes of all kinds are among them");
      assert.deepEqual(seen.toSorted(), said.toSorted());
    },
  },
  {
    view: "processes",
    claim: "processor time is what /proc/PID/stat says, resident memory what smaps_rollup counts",
    prepare,
    async compare(run, read) {
      const command = `perl -e ${quote(READ_COSTS)}`;
      const { output, rows } = await readBoth<ProcessRow>(run, read, "processes", command);
      const said = output.trimEnd().split("\n");
      const byPid = new Map(rows.map((row) => [String(row.pid), row]));
      const seen = said.map((line) => {
        const row = byPid.get(line.split(" ")[0] ?? "");
        if (row === undefined) return "gone";
        const { pid, userTimeNs, systemTimeNs, residentBytes } = row;
        const ticks = [userTimeNs, systemTimeNs].map((time) => Math.floor(time / TICK));
        return [pid, ...ticks, residentBytes / 1024].join(" ");
      });
      assert.ok(
        said.some((line) => Number(line.split(" ")[1]) > 20),
        "one of them has been busy",
      );
      assert.deepEqual(seen, said);
    },
  },
];
