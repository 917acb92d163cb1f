import { type Gva, gva } from "@casemate/core";
import { type SocketRow, sockets } from "../../src/index.ts";
import type { GuestEditor } from "./guest-editor.ts";
import { once } from "./once.ts";

/** A program of the guest's that has some of each kind open. */
const PROGRAM = `
use strict; use Socket qw(:all); $| = 1;
my $to = pack_sockaddr_in(7701, inet_aton("127.0.0.1"));
socket(my $l, AF_INET, SOCK_STREAM, 0); bind($l, $to) && listen($l, 5) or die "listen: $!";
socket(my $c, AF_INET, SOCK_STREAM, 0); connect($c, $to) or die "connect: $!"; accept(my $s, $l);
socket(my $u, AF_INET, SOCK_DGRAM, 0); bind($u, pack_sockaddr_in(7702, inet_aton("127.0.0.1"))) or die "udp: $!";
socket(my $v, AF_INET6, SOCK_DGRAM, 0); bind($v, pack_sockaddr_in6(7703, inet_pton(AF_INET6, "::1"))) or die "udp6: $!";
socket(my $n, AF_UNIX, SOCK_DGRAM, 0); bind($n, pack("S", AF_UNIX) . "\\0casemate-hidden") or die "unix: $!";
print "ready\\n"; sleep 1000000 while 1;
`;

const openSockets = once((guest) => guest.hold(PROGRAM));

/**
 * The address of the `struct sock` whose row in the view is like `wanted`. The guest has open: TCP that listens
 * on port 7701 of 127.0.0.1 and a connection to it, UDP 7702 there, 7703 of ::1, and @casemate-hidden.
 */
export async function findSocket(guest: GuestEditor, wanted: Partial<SocketRow>): Promise<Gva> {
  await openSockets(guest);
  const { items } = guest.kernel.grant("kernelMetadata").read(sockets);
  const found = items.find((row) => isLike(row, wanted));
  if (found === undefined) throw new Error(`The guest has no ${JSON.stringify(wanted)}.`);
  return gva(BigInt(found.sock));
}

function isLike(row: SocketRow, wanted: Partial<SocketRow>): boolean {
  const values = new Map<string, unknown>(Object.entries(row));
  return Object.entries(wanted).every(([name, value]) => values.get(name) === value);
}
