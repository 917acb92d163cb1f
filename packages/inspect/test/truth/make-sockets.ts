/**
 * A program for the guest's perl (perl-base is enough): opens sockets of every kind and state it can, on
 * loopback, in its own and in another network namespace, then writes /run/casemate-sockets, one pid a line,
 * the one in the other namespace last, and sleeps.
 *
 * What a kernel cannot do (UDP-Lite is gone from the newest) it leaves out.
 */
const HOLD = String.raw`
use strict; use warnings; use Socket qw(:all);
my @keep; # open as long as this runs
sub sock { socket(my $s, $_[0], $_[1], $_[2]) or return; push @keep, $s; return $s }
sub in4 { pack_sockaddr_in($_[1], inet_aton($_[0])) }
sub in6 { pack_sockaddr_in6($_[1], inet_pton(AF_INET6, $_[0])) }
sub listener {
  my ($family, $address) = @_;
  my $s = sock($family, SOCK_STREAM, 0) or return;
  setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
  bind($s, $address) && listen($s, 5) or die "listen: $!";
  return $s;
}
sub client { my $s = sock($_[0], SOCK_STREAM, 0); connect($s, $_[1]) or die "connect: $!"; syswrite $s, $_[2] // ""; return $s }
sub taken { accept(my $s, $_[0]) or die "accept: $!"; push @keep, $s; return $s }

if (open my $range, ">", "/proc/sys/net/ipv4/ping_group_range") { print $range "0 0\n"; close $range }

# TCP: unread bytes, one that waits to be accepted, a half-closed pair, IPv6, and IPv4 mapped into it.
my $tcp = listener(AF_INET, in4("127.0.0.1", 7001));
client(AF_INET, in4("127.0.0.1", 7001), "unread"); taken($tcp);
shutdown(client(AF_INET, in4("127.0.0.1", 7001)), 1); taken($tcp);
client(AF_INET, in4("127.0.0.1", 7001), "waits");
my $tcp6 = listener(AF_INET6, in6("::1", 7002));
client(AF_INET6, in6("::1", 7002), "six"); taken($tcp6);
my $both = listener(AF_INET6, in6("::", 7003));
client(AF_INET, in4("127.0.0.1", 7003)); taken($both);
listener(AF_INET, in4("0.0.0.0", 7007));

# UDP and UDP-Lite: bound, connected with unread bytes, bound to a device, and never bound at all.
for my $protocol (0, 136) {
  my $u = sock(AF_INET, SOCK_DGRAM, $protocol) or next;
  bind($u, in4("127.0.0.1", 7004));
  my $c = sock(AF_INET, SOCK_DGRAM, $protocol);
  connect($c, in4("127.0.0.1", 7004)) and syswrite $c, "datagram";
  my $six = sock(AF_INET6, SOCK_DGRAM, $protocol) or next;
  bind($six, in6("::", 7005));
  my $device = sock(AF_INET6, SOCK_DGRAM, $protocol);
  setsockopt($device, SOL_SOCKET, 25, "lo\0"); # SO_BINDTODEVICE
  bind($device, in6("::1", 7006));
}
sock(AF_INET, SOCK_DGRAM, 0);
sock(AF_INET, SOCK_STREAM, 0);

# Raw, and ICMP as users may have it.
sock(AF_INET, SOCK_RAW, $_) for 1, 255;
sock(AF_INET6, SOCK_RAW, 58);
if (my $ping = sock(AF_INET, SOCK_DGRAM, 1)) { bind($ping, in4("127.0.0.1", 77)) }
if (my $ping = sock(AF_INET6, SOCK_DGRAM, 58)) { bind($ping, in6("::1", 78)) }

# Packets: all of them, and ARP on the device with index 1, listened to promiscuously.
sock(17, SOCK_RAW, unpack "S", pack "n", 3);
if (my $arp = sock(17, SOCK_DGRAM, 0)) {
  bind($arp, pack "SniSCCx8", 17, 0x0806, 1, 0, 0, 0);
  setsockopt($arp, 263, 1, pack "iSSx8", 1, 1, 0); # PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC
}

# Unix: a listener with a client that waits, a pair with unread bytes, abstract names.
unlink "/run/casemate.sock";
my $local = listener(AF_UNIX, pack_sockaddr_un("/run/casemate.sock"));
client(AF_UNIX, pack_sockaddr_un("/run/casemate.sock"), "hello"); taken($local);
client(AF_UNIX, pack_sockaddr_un("/run/casemate.sock"), "waits");
my $abstract = sock(AF_UNIX, SOCK_DGRAM, 0);
bind($abstract, pack("S", AF_UNIX) . "\0casemate\0abstract");
my $sender = sock(AF_UNIX, SOCK_DGRAM, 0);
connect($sender, pack("S", AF_UNIX) . "\0casemate\0abstract") and syswrite $sender, "1234567";
my $sequenced = sock(AF_UNIX, 5, 0);
bind($sequenced, pack("S", AF_UNIX) . "\0casemate-seq") && listen($sequenced, 3);
socketpair(my $one, my $other, AF_UNIX, SOCK_STREAM, 0); push @keep, $one, $other; syswrite $one, "abc";

# Netlink: routing, and generic under a chosen port id.
if (my $route = sock(16, SOCK_RAW, 0)) { bind($route, pack "SSLL", 16, 0, 0, 1) }
if (my $generic = sock(16, SOCK_RAW, 16)) { bind($generic, pack "SSLL", 16, 0, 424242, 0) }

my $child = fork;
if ($child == 0) {
  syscall(272, 0x40000000); # unshare(CLONE_NEWNET)
  system "ip link set lo up";
  listener(AF_INET6, in6("::", 7100));
  client(AF_INET, in4("127.0.0.1", 7100));
  my $u = sock(AF_INET, SOCK_DGRAM, 0); bind($u, in4("127.0.0.1", 7101));
  sock(AF_INET, SOCK_RAW, 1);
  sock(17, SOCK_RAW, unpack "S", pack "n", 3);
  my $name = sock(AF_UNIX, SOCK_DGRAM, 0); bind($name, pack("S", AF_UNIX) . "\0casemate\0abstract");
  open my $ready, ">", "/run/casemate-sockets.child"; close $ready;
  sleep 1000000 while 1;
}
select undef, undef, undef, 0.1 until -e "/run/casemate-sockets.child";
open my $ready, ">", "/run/casemate-sockets.new"; print $ready "$$\n$child\n"; close $ready;
rename "/run/casemate-sockets.new", "/run/casemate-sockets";
sleep 1000000 while 1;
`;

/** Leaves connections that no process has any more: in TIME-WAIT, and one whose other end (it stays) never closes. */
const LEAVE = `
use strict; use Socket;
socket(my $l, AF_INET, SOCK_STREAM, 0);
bind($l, pack_sockaddr_in(0, inet_aton("127.0.0.1"))) && listen($l, 5) or exit;
my $to = getsockname $l;
socket(my $c, AF_INET, SOCK_STREAM, 0); connect($c, $to); accept(my $s, $l);
close $s; sysread $c, my $end, 1; close $c;
socket(my $d, AF_INET, SOCK_STREAM, 0); connect($d, $to); accept(my $t, $l);
close $d; close $l;
open STDOUT, ">", "/dev/null"; open STDERR, ">", "/dev/null";
if (fork == 0) { sleep 1000000 }
`;

/** Asks for a connection in the name of an address that never answers: SYN-RECV, for a minute. */
const KNOCK = String.raw`
use strict; use Socket;
sub sum { my $s = 0; $s += $_ for unpack "n*", $_[0] . (length($_[0]) % 2 ? "\0" : ""); $s = ($s & 0xffff) + ($s >> 16) for 1, 2; return ~$s & 0xffff }
my ($from, $to) = map { inet_aton($_) } "198.51.100.9", "198.51.100.1";
my $tcp = pack "nnNNCCnnn", 40000, 7007, 1, 0, 5 << 4, 2, 1024, 0, 0;
substr($tcp, 16, 2) = pack "n", sum($from . $to . pack("nn", 6, 20) . $tcp);
my $ip = pack "CCnnnCCn", 0x45, 0, 40, 1, 0, 64, 6, 0;
socket(my $raw, AF_INET, SOCK_RAW, 255); send $raw, $ip . $from . $to . $tcp, 0, pack_sockaddr_in(0, $to);
`;

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** Starts it all once, and waits until it is there. */
export const makeSockets = `
[ -e /run/casemate-sockets ] || {
  (perl -e ${quote(HOLD)} >/run/casemate-sockets.log 2>&1 </dev/null &)
  i=0; while [ ! -e /run/casemate-sockets ] && [ $i -lt 100 ]; do sleep 0.2; i=$((i + 1)); done
}
cat /run/casemate-sockets.log; test -e /run/casemate-sockets`;

/** Makes the short-lived ones again; where there is no device to lose answers on, without SYN-RECV. */
export const makeShortLivedSockets = `
perl -e ${quote(LEAVE)} </dev/null >/dev/null 2>&1
ip link show casemate0 >/dev/null 2>&1 || {
  ip link add casemate0 type dummy && ip link set casemate0 up &&
    ip addr add 198.51.100.1/24 dev casemate0
} >/dev/null 2>&1
perl -e ${quote(KNOCK)} >/dev/null 2>&1; true`;
