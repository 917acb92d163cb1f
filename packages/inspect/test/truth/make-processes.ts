import { quote } from "./make-memory.ts";

/**
 * A program for the guest's perl (perl-base is enough): starts processes of every kind it can and sleeps.
 * Their pids go to /run/casemate-processes.pids once all of them are at rest.
 */
const HOLD = String.raw`
use strict; use warnings; no warnings "qw"; use POSIX ();
my ($PRCTL, $SECCOMP) = (157, 317);
my @pids;
sub hold { sleep 1000000 while 1 }
sub begin { my ($do) = @_; my $pid = fork; if ($pid == 0) { @pids = (); $do->(); hold() } push @pids, $pid; return $pid }
sub command { my @words = @_; begin(sub { exec @words or exit 1 }) }

# Users, groups, capabilities.
command(qw(setpriv --reuid 33 --regid 42 --groups 4,24,27,1000000 --no-new-privs sleep 1000000));
command(qw(setpriv --reuid 1 --regid 1 --clear-groups --inh-caps +net_raw,+sys_chroot --ambient-caps +net_raw sleep 1000000));
command(qw(setpriv --bounding-set -sys_admin,-bpf --inh-caps -all sleep 1000000));
begin(sub { $) = "7 7 8 9"; $> = 65534 });

# Namespaces, one in another; seen from outside they have other numbers.
command(qw(unshare --fork --pid --mount --uts --ipc --net --cgroup --kill-child sleep 1000000));
command(qw(unshare --user --map-root-user --fork --pid --time unshare --fork --pid sleep 1000000));

# Scheduling.
command(qw(chrt -f 10 sleep 1000000)); command(qw(chrt -r 99 sleep 1000000)); command(qw(chrt -b 0 sleep 1000000));
command(qw(chrt -i 0 sleep 1000000)); command(qw(nice -n 7 sleep 1000000)); command(qw(nice -n -20 sleep 1000000));

# System calls under a filter that allows all, and under none but four.
begin(sub {
  my $filter = pack "SCCL", 6, 0, 0, 0x7fff0000;
  my $program = pack "Sx6P", 1, $filter;
  syscall $PRCTL, 38, 1, 0, 0, 0; syscall $SECCOMP, 1, 0, $program });
begin(sub { pipe my $r, my $w; syscall $PRCTL, 22, 1, 0; sysread $r, my $byte, 1 });

# States: stopped, a zombie, one that has changed its name to something wild.
my $stopped = begin(sub { hold() }); kill STOP => $stopped;
begin(sub { if (fork == 0) { POSIX::_exit(3) } hold() });
begin(sub { $0 = "ev\x1b[31mil) S (\n" });

# Executables: deleted, with odd names, behind a root of its own.
system "mkdir -p '/run/casemate exe'; cp /bin/sleep '/run/casemate exe/new\nline'; cp /bin/sleep /run/casemate-gone";
command("/run/casemate exe/new\nline", "1000000"); command("/run/casemate-gone", "1000000");
command(qw(chroot / /usr/bin/env sleep 1000000));

# A terminal of its own.
open my $master, "+<", "/dev/ptmx" or die "ptmx: $!";
ioctl $master, 0x40045431, my $unlock = pack "i", 0; ioctl $master, 0x80045430, my $number = pack "i", 0;
begin(sub { POSIX::setsid(); open my $tty, "+<", "/dev/pts/" . unpack "i", $number or die "pts: $!" });
begin(sub { POSIX::setsid(); begin(sub { POSIX::setpgid(0, 0) }) });

# Control groups: a deep one, one that is gone but for its zombie, a hierarchy of version 1.
system "mkdir -p /sys/fs/cgroup /run/casemate-cgroup1; mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup;" .
  "mkdir -p '/sys/fs/cgroup/casemate/a b' /sys/fs/cgroup/casemate-gone; mount -t cgroup -o none,name=casemate none /run/casemate-cgroup1 && mkdir /run/casemate-cgroup1/old";
sub enter { my ($group) = @_; open my $f, ">", "$group/cgroup.procs" or return; syswrite $f, "$$" }
begin(sub { enter("/sys/fs/cgroup/casemate/a b"); enter("/run/casemate-cgroup1/old") });
my $dead = begin(sub { enter("/sys/fs/cgroup/casemate-gone"); POSIX::_exit(0) });

# Time: in the process, in the kernel, and of children that have ended.
begin(sub { my $end = (times)[0] + 0.3; 1 while (times)[0] < $end; for (1 .. 20000) { stat "/etc/passwd" } for (1 .. 3) { if (fork == 0) { exit } wait } });

# Threads: a server that has some; it looks at its clock now and then, so it is not at rest.
if (fork == 0) { exec qw(redis-server --port 0 --unixsocket /run/casemate-redis --save), "", qw(--dir /tmp) or exit 1 }
select undef, undef, undef, 3;
rmdir "/sys/fs/cgroup/casemate-gone"; unlink "/run/casemate-gone";
open my $f, ">", "/run/casemate-processes.new"; print $f join(" ", $$, @pids), "\n"; close $f;
rename "/run/casemate-processes.new", "/run/casemate-processes.pids";
hold();
`;

/** Starts them once and waits until they are there. */
export const makeProcesses = `
[ -e /run/casemate-processes.pids ] || {
  (setsid perl -e ${quote(HOLD)} >/run/casemate-processes.log 2>&1 </dev/null &)
  i=0; while [ ! -e /run/casemate-processes.pids ] && [ $i -lt 150 ]; do sleep 0.2; i=$((i + 1)); done
}
cat /run/casemate-processes.log; test -e /run/casemate-processes.pids`;
