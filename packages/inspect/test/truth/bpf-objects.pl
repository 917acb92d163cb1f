#!/usr/bin/perl
# The guest's own word on BPF, by bpf(2), where neither bpftool nor a compiler is.
#
#   bpf-objects.pl hold    loads programs, maps and links of every kind this kernel has, and keeps them
#   bpf-objects.pl list    prints a JSON object a line for every program, map, link and BTF object
use strict;
use warnings;
use Socket;

# include/uapi/linux/bpf.h, perf_event.h; system calls of x86-64.
my ($SYS_open, $SYS_ioctl, $SYS_bpf, $SYS_perf_event_open) = (2, 16, 321, 298);
my %CMD = (
    MAP_CREATE => 0, PROG_LOAD => 5, OBJ_PIN => 6, PROG_ATTACH => 8, OBJ_GET_INFO_BY_FD => 15,
    RAW_TRACEPOINT_OPEN => 17, BTF_LOAD => 18, LINK_CREATE => 28,
);
my %NEXT_ID = (program => 11, map => 12, btf => 23, link => 31);
my %FD_BY_ID = (program => 13, map => 14, btf => 19, link => 30);
my $RETURN_0 = pack("CCsl", 0xb7, 0, 0, 0) . pack("CCsl", 0x95, 0, 0, 0);
my $RETURN_1 = pack("CCsl", 0xb7, 0, 0, 1) . pack("CCsl", 0x95, 0, 0, 0);
my $RETURN_2 = pack("CCsl", 0xb7, 0, 0, 2) . pack("CCsl", 0x95, 0, 0, 0);
my $LICENSE = "GPL\0";
my @kept;

sub address { my ($buffer) = @_; push @kept, $buffer; return unpack("Q", pack("P", $$buffer)) }
sub text { my $copy = "$_[0]\0"; return address(\$copy) }
sub fill { my ($size, @fields) = @_; my $attr = "\0" x $size;
    while (my ($at, $value) = splice(@fields, 0, 2)) { substr($attr, $at, length $value) = $value }
    return $attr }
sub bpf { my ($command, $attr) = @_;
    my $result = syscall($SYS_bpf, $CMD{$command} // $command, $attr, length $attr);
    return $result < 0 ? undef : $result }
sub u32 { pack("L", $_[0]) }
sub u64 { pack("Q", $_[0]) }

sub program { my ($name, $type, %o) = @_;
    my $code = $o{code} // $RETURN_0;
    my $fd = bpf("PROG_LOAD", fill(128, 0, u32($type), 4, u32(length($code) / 8),
        8, u64(address(\$code)), 16, u64(address(\$LICENSE)), 48, $name,
        68, u32($o{attach} // 0), 108, u32($o{btf_id} // 0)));
    print "cannot load $name: $!\n" if !defined $fd;
    return $fd }
sub map_of { my ($name, $type, $key, $value, $entries, $flags) = @_;
    my $fd = bpf("MAP_CREATE", fill(72, 0, pack("L5", $type, $key, $value, $entries, $flags), 28, $name));
    print "cannot make map $name: $!\n" if !defined $fd;
    return $fd }
sub report { my ($what, $fd) = @_; print defined $fd ? "made $what\n" : "cannot make $what: $!\n"; $fd }
sub link_of { my ($what, $prog, $target, $attach, @rest) = @_;
    return report($what, undef) if !defined $prog;
    return report($what, bpf("LINK_CREATE",
        fill(64, 0, u32($prog), 4, u32($target), 8, u32($attach), @rest))) }
sub open_path { my ($path) = @_; my $copy = "$path\0"; my $fd = syscall($SYS_open, $copy, 0, 0);
    die "cannot open $path: $!" if $fd < 0; return $fd }
sub contents { my ($path) = @_; open(my $file, "<", $path) or return ""; local $/; return <$file> // "" }

# The numbers of functions in the kernel's BTF, by their names.
sub function_ids { my %wanted = map { $_ => 1 } @_; my (%name_of, %ids);
    open(my $file, "<:raw", "/sys/kernel/btf/vmlinux") or return;
    local $/; my $btf = <$file>;
    my ($header, $types, $types_length, $strings) = unpack("x4 L4", $btf);
    for (keys %wanted) {
        my $at = index($btf, "\0$_\0", $header + $strings);
        $name_of{$at + 1 - $header - $strings} = $_ if $at >= 0;
    }
    my @each = (0, 0, 0, 0, 12, 12, 8, 0, 0, 0, 0, 0, 0, 8, 0, 12, 0, 0, 0, 12);
    my @once = (0, 4, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 4, 0, 0);
    my ($id, $offset, $end) = (1, $header + $types, $header + $types + $types_length);
    while ($offset < $end && %name_of) {
        my ($own, $info) = unpack("\@$offset L2", $btf);
        my $kind = ($info >> 24) & 31;
        $ids{delete $name_of{$own}} = $id if $kind == 12 && exists $name_of{$own};
        $offset += 12 + ($info & 0xffff) * $each[$kind] + $once[$kind];
        $id++;
    }
    return %ids }

sub perf_event { my ($type, $config, $config1) = @_;
    my $attr = fill(112, 0, u32($type), 4, u32(112), 8, u64($config), 16, u64(1), 56, u64($config1));
    my $fd = syscall($SYS_perf_event_open, $attr, -1, 0, -1, 8);
    return $fd < 0 ? undef : $fd }

sub hold {
    $| = 1;
    my $hash = map_of("cm_hash", 1, 4, 16, 100, 1);
    my $array = map_of("cm_array", 2, 4, 8, 7, 0);
    map_of("cm_ring", 27, 0, 0, 4096, 0);
    my $types = pack("SCCL5", 0xeb9f, 1, 0, 24, 0, 16, 16, 5) . pack("L4", 1, 1 << 24, 4, 32) . "\0int\0";
    report("btf", bpf("BTF_LOAD", fill(32, 0, u64(address(\$types)), 16, u32(length $types))));

    my $lookup = pack("CCsl CCsl", 0x18, 0x11, 0, $hash, 0, 0, 0, 0)
        . pack("CCsl CCsl", 0x18, 0x11, 0, $array, 0, 0, 0, 0) . $RETURN_2; # XDP_PASS
    my $xdp = program("cm_xdp", 6, code => $lookup);
    program("cm_idle", 1);
    link_of("xdp", $xdp, 1, 37, 12, u32(2));

    my $filter = program("cm_socket", 1, code => $RETURN_1);
    socket(our $sock, PF_INET, SOCK_DGRAM, 0) or die;
    bind($sock, sockaddr_in(47001, INADDR_LOOPBACK)) or die;
    setsockopt($sock, SOL_SOCKET, 50, pack("i", $filter)) or print "cannot filter: $!\n";

    my $raw = program("cm_raw_tp", 17);
    report("raw_tracepoint", bpf("RAW_TRACEPOINT_OPEN",
        fill(24, 0, u64(text("sched_process_exit")), 8, u32($raw))));

    my %functions = function_ids("__x64_sys_getpgid", "bpf_iter_bpf_map");
    my $fentry = program("cm_fentry", 26, attach => 24, btf_id => $functions{__x64_sys_getpgid});
    report("fentry", defined $fentry ? bpf("RAW_TRACEPOINT_OPEN", fill(24, 8, u32($fentry))) : undef);
    my $iter = program("cm_iter", 26, attach => 28, btf_id => $functions{bpf_iter_bpf_map});
    link_of("iter", $iter, 0, 28);

    my $group = open_path("/run/casemate-cgroup/casemate/inner");
    link_of("cgroup", program("cm_cg_link", 8, code => $RETURN_1), $group, 0);
    my $device = program("cm_cg_device", 15, code => $RETURN_1, attach => 6);
    report("cgroup_device", defined $device
        ? bpf("PROG_ATTACH", fill(32, 0, u32($group), 4, u32($device), 8, u32(6))) : undef);

    my $net = open_path("/proc/self/ns/net");
    link_of("netns", program("cm_flow", 22, attach => 17, code => $RETURN_0), $net, 17);

    my $point = contents("/sys/kernel/tracing/events/syscalls/sys_enter_getsid/id") + 0;
    my $tracepoint = contents("/sys/kernel/tracing/events/sched/sched_process_fork/id") + 0;
    my $pmu = contents("/sys/bus/event_source/devices/kprobe/type") + 0;
    for (["sched", 2, $tracepoint, 0, 5], ["syscall", 2, $point, 0, 5],
         ["kprobe", $pmu, 0, text("__x64_sys_getpriority"), 2],
         ["kretprobe", $pmu, 1, text("__x64_sys_getpriority"), 2]) {
        my ($name, $type, $config, $where, $kind) = @$_;
        my $event = perf_event($type, $config, $where);
        if (!defined $event) { report("event $name", undef); next }
        my $prog = program("cm_$name", $kind);
        my $set = syscall($SYS_ioctl, $event, 0x40042408, $prog // -1);
        report("event $name", $set < 0 ? undef : $set);
        my $other = perf_event($type, $config, $where);
        link_of("perf $name", program("cm_l_$name", $kind), $other, 41) if defined $other;
    }

    my $multi = program("cm_multi", 2, attach => 42);
    my $names = join("", map { u64(text($_)) } "__x64_sys_getpgid", "__x64_sys_getsid");
    link_of("kprobe_multi", $multi, 0, 42, 20, u32(2), 24, u64(address(\$names)));
    link_of("netfilter", program("cm_nf", 32, attach => 45, code => $RETURN_1), 0, 45,
        16, u32(2), 20, u32(1), 24, pack("l", -7));
    link_of("tcx", program("cm_tcx", 3), 1, 46);
    # For `ip link … xdp pinned`.
    my $pinned = program("cm_pinned", 6, code => $RETURN_2);
    report("pin", bpf("OBJ_PIN", fill(16, 0, u64(text("/run/casemate-bpf/xdp")), 8, u32($pinned))));
    my $classifier = program("cm_classifier", 3);
    report("pin", bpf("OBJ_PIN", fill(16, 0, u64(text("/run/casemate-bpf/tc")), 8, u32($classifier))));
    print "ready\n";
    close STDOUT;
    sleep 1000000;
}

sub info { my ($fd, $info) = @_;
    my $copy = $info;
    my $attr = fill(16, 0, u32($fd), 4, u32(length $copy), 8, u64(address(\$copy)));
    my $result = syscall($SYS_bpf, $CMD{OBJ_GET_INFO_BY_FD}, $attr, length $attr);
    return $result < 0 ? undef : $copy }
sub c_string { my ($bytes) = @_; $bytes =~ s/\0.*//s; return $bytes }
sub json { my (@fields) = @_; my @parts;
    while (my ($key, $value) = splice(@fields, 0, 2)) {
        my $plain = defined $value && $value =~ /^-?\d+$/ && $key !~ /name|tag|tp/;
        push @parts, "\"$key\":" . (!defined $value ? "null" : $plain ? $value
            : $value =~ /^\[/ ? $value : "\"$value\"");
    }
    print "{", join(",", @parts), "}\n" }

sub list {
    for my $object ("program", "map", "link", "btf") {
        my $id = 0;
        while (1) {
            my $attr = fill(16, 0, u32($id));
            last if syscall($SYS_bpf, $NEXT_ID{$object}, $attr, length $attr) < 0;
            $id = unpack("x4 L", $attr);
            my $fd = bpf($FD_BY_ID{$object}, fill(12, 0, u32($id)));
            next if !defined $fd;
            main->can("list_$object")->($id, $fd);
            syscall(3, $fd);
        }
    }
}

sub list_program { my ($id, $fd) = @_;
    my ($maps, $symbols) = ("\0" x 256, "\0" x 64);
    my $info = info($fd, fill(232, 52, u32(64), 56, u64(address(\$maps)), 104, u32(8),
        112, u64(address(\$symbols)))) or return;
    my ($type, undef, $tag, $jited, $xlated, $loaded, $uid, $map_count) =
        unpack("L2 a8 L2 x16 Q L2", $info);
    json(object => "program", id => $id, type => $type, tag => unpack("H*", $tag),
        jited_prog_len => $jited, xlated_prog_len => $xlated, load_time => $loaded,
        created_by_uid => $uid, name => c_string(substr($info, 64, 16)),
        map_ids => "[" . join(",", unpack("L$map_count", $maps)) . "]",
        gpl => unpack("L", substr($info, 84, 4)) & 1,
        code_name => sprintf("%x", unpack("Q", $symbols)), btf_id => unpack("L", substr($info, 128, 4)));
}

sub list_map { my ($id, $fd) = @_;
    my $info = info($fd, fill(88)) or return;
    my ($type, undef, $key, $value, $entries, $flags) = unpack("L6", $info);
    json(object => "map", id => $id, type => $type, key_size => $key, value_size => $value,
        max_entries => $entries, map_flags => $flags, name => c_string(substr($info, 24, 16)),
        btf_id => unpack("L", substr($info, 64, 4)));
}

sub list_btf { my ($id, $fd) = @_;
    my $name = "\0" x 64;
    # Up to 5.10 there is neither a name nor more than 16 bytes.
    my $info = info($fd, fill(32, 16, u64(address(\$name)), 24, u32(64))) // info($fd, fill(16))
        // return;
    my $size = unpack("x8 L", $info);
    $info .= "\0" x 16;
    json(object => "btf", id => $id, btf_size => $size, kernel_btf => unpack("L", substr($info, 28, 4)),
        name => c_string($name));
}

sub list_link { my ($id, $fd) = @_;
    my $info = info($fd, fill(64)) or return;
    my ($type, undef, $prog) = unpack("L3", $info);
    my ($one, $two, $three, $four) = unpack("x16 L2 l L", $info);
    my @more;
    if ($type == 1 || $type == 4) {
        my $name = "\0" x 128;
        info($fd, fill(64, 16, u64(address(\$name)), 24, u32(128)));
        @more = (target_name => c_string($name));
    } elsif ($type == 2) { @more = (attach_type => $one) }
    elsif ($type == 3) { @more = (cgroup_id => unpack("Q", substr($info, 16, 8)), attach_type => $three) }
    elsif ($type == 5) { @more = (netns_ino => $one, attach_type => $two) }
    elsif ($type == 6) { @more = (ifindex => $one) }
    elsif ($type == 8) { @more = (count => $three) }
    elsif ($type == 10) { @more = (pf => $one, hooknum => $two, priority => $three) }
    elsif ($type == 11) { @more = (ifindex => $one, attach_type => $two) }
    json(object => "link", id => $id, type => $type, prog_id => $prog, @more);
}

($ARGV[0] // "") eq "hold" ? hold() : list();
