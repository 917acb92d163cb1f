/** What a sound guest may do that looks like an attack for a moment, or in part: a shell command for each. */
export const guestLoad: Readonly<Record<string, string>> = {
  "processes and threads that come and go": `
while :; do
  for i in 1 2 3 4; do busybox true & done
  ps ax >/dev/null; setsid sh -c 'sleep 0.1 & sleep 0.1'
  perl -e 'for (1 .. 5) { if (fork == 0) { exit } } 1 while wait > 0'
  wait; sleep 0.1
done`,
  "modules that are loaded and unloaded": `
while :; do
  modprobe dummy; modprobe veth; modprobe nf_tables; sleep 0.2
  modprobe -r dummy; modprobe -r veth; modprobe -r nf_tables; sleep 0.2
done`,
  "containers: namespaces, control groups, mounts, capabilities": `
mkdir -p /run/load-cgroup; mount -t cgroup2 none /run/load-cgroup
while :; do
  mkdir -p /run/load-cgroup/box
  unshare --fork --pid --mount --uts --ipc --net --cgroup --mount-proc setpriv --bounding-set -sys_admin sh -c '
    ip link set lo up; sleep 0.3 & sleep 0.2; wait' &
  echo $! >/run/load-cgroup/box/cgroup.procs
  mount -t tmpfs load /mnt; umount /mnt
  unshare --user --map-root-user --fork --pid sh -c 'sleep 0.1'
  wait; rmdir /run/load-cgroup/box
done`,
  "connections that are opened and closed": `
while :; do
  busybox wget -q -O /dev/null http://127.0.0.1/ & busybox wget -q -O /dev/null http://127.0.0.1/
  wait; sleep 0.1
done`,
  "BPF tracing": String.raw`
ulimit -l unlimited
while :; do perl -e '
  sub bpf { my ($command, $attr) = @_; return syscall 321, $command, $attr, length $attr }
  my $map = bpf(0, pack "LLLLLLLa16", 2, 4, 8, 1, 0, 0, 0, "load_map");
  my $code = pack("CCsl", 0x18, 0x11, 0, $map) . pack("CCsl", 0, 0, 0, 0) . pack("CCsl", 0xb7, 0, 0, 0) . pack("CCsl", 0x95, 0, 0, 0);
  my ($license, $point) = ("GPL\0", "sched_process_exit\0");
  my $program = bpf(5, pack "LLPPLLQLLa16", 17, 4, $code, $license, 0, 0, 0, 0, 0, "load");
  my $link = bpf(17, pack "PLL", $point, $program, 0);
  select undef, undef, undef, 0.3'
done`,
  "filters of system calls": `
while :; do perl -e '
  my $filter = pack "SCCL", 6, 0, 0, 0x7fff0000; my $program = pack "Sx6P", 1, $filter;
  syscall 157, 38, 1, 0, 0, 0; syscall 317, 1, 0, $program;
  select undef, undef, undef, 0.2'
done`,
  "ftrace and kprobes, as live patches use them": `
mount -t tracefs none /sys/kernel/tracing 2>/dev/null; cd /sys/kernel/tracing
while :; do
  echo do_nanosleep >set_ftrace_filter; echo function >current_tracer
  echo 'p:load/opens do_sys_openat2' >kprobe_events; echo 1 >events/load/opens/enable; sleep 0.3
  echo 0 >events/load/opens/enable; echo >kprobe_events
  echo nop >current_tracer; echo >set_ftrace_filter; sleep 0.2
done`,
  "probes in the code of programs": `
mount -t tracefs none /sys/kernel/tracing 2>/dev/null; cd /sys/kernel/tracing
entry=$(perl -e 'open F, "<", "/bin/sleep"; read F, $head, 64; printf "0x%x", unpack "x24Q", $head')
while :; do
  echo "p:programs/starts /bin/sleep:$entry" >uprobe_events; echo 1 >events/programs/starts/enable; sleep 0.3
  sleep 0.4 & echo 0 >events/programs/starts/enable; echo >uprobe_events; sleep 0.1
done`,
  "an engine that makes code at run time": `
while :; do echo xyyz casemate; sleep 0.2; done | grep -P 'x(y+)z [a-m]+(ate)' >/dev/null`,
};
