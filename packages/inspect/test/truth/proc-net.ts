import { SocketAddress } from "node:net";
import { quote } from "./make-memory.ts";

const STATES = [
  "?",
  "ESTAB",
  "SYN-SENT",
  "SYN-RECV",
  "FIN-WAIT-1",
  "FIN-WAIT-2",
  "TIME-WAIT",
  "UNCONN",
  "CLOSE-WAIT",
  "LAST-ACK",
  "LISTEN",
  "CLOSING",
  "SYN-RECV",
];

const FILES = {
  tcp: "tcp",
  tcp6: "tcp",
  udp: "udp",
  udp6: "udp",
  udplite: "udplite",
  udplite6: "udplite",
  raw: "raw",
  raw6: "raw",
  icmp: "icmp",
  icmp6: "icmp6",
  packet: "packet",
  unix: "unix",
  netlink: "netlink",
} as const;

/** The command that prints what `parseProcNet` reads: the tables of the namespace that `pid` is in. */
export const printProcNet = (pid: string) => `
perl -e ${quote(String.raw`
my $of = "/proc/$ARGV[0]";
for my $name (qw(${Object.keys(FILES).join(" ")})) {
  print "== $name\n";
  open my $file, "<", "$of/net/$name" or next;
  while (<$file>) {
    # Timers run on, whatever else stays.
    # A socket that takes in everything fills up meanwhile.
    if ($name eq "packet") { my @f = split; $f[6] = "-" if $f[3] eq "0003"; $_ = "@f\n" }
    if ($name =~ /^tcp/) { my @f = split; @f[5, 6, 8] = ("-") x 3; $_ = "@f[0 .. 9]\n" }
    print;
  }
}
print readlink("$of/ns/net"), "\n";`)} ${pid}`;

/** One line a socket, sorted, by what /proc/net tells of each kind. */
export function parseProcNet(text: string): readonly string[] {
  const lines: string[] = [];
  for (const section of text.split("== ").slice(1)) {
    const [file = "", , ...rows] = section.split("\n");
    const protocol = FILES[file.trim() as keyof typeof FILES]; // undefined would show as a difference
    for (const row of rows) {
      if (row.trim() === "" || row.startsWith("net:[")) continue;
      lines.push(parseRow(protocol, file.endsWith("6"), row.trim()));
    }
  }
  return lines.toSorted();
}

function parseRow(protocol: string, isSix: boolean, row: string): string {
  const fields = row.split(/\s+/);
  const field = (index: number) => fields[index] ?? "";
  const family = isSix ? "inet6" : "inet";
  switch (protocol) {
    case "packet":
      // sk RefCnt Type Proto Iface R Rmem User Inode
      return [
        protocol,
        `type ${field(2)}`,
        hex(field(3)),
        field(4),
        field(6),
        field(7),
        field(8),
      ].join(" ");
    case "unix": {
      // Num: RefCount Protocol Flags Type St Inode Path
      const isListening = field(3) === "00010000";
      const isConnected = field(5) === "03" || field(5) === "02";
      const state = isListening ? "LISTEN" : isConnected ? "ESTAB" : "UNCONN";
      const path = row.split(/\s+/).slice(7).join(" ");
      return [protocol, `type ${Number(field(4))}`, state, field(6), path].join(" ");
    }
    case "netlink":
      // sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
      return [protocol, field(1), field(2), field(4), field(5), field(9)].join(" ");
    default: {
      // sl local remote st tx:rx tr:tm retrnsmt uid timeout inode
      const [send = "", receive = ""] = field(4).split(":");
      const state = STATES[Number.parseInt(field(3), 16)];
      const inode = field(9);
      return [
        protocol,
        family,
        state,
        end(field(1)),
        end(field(2)),
        hex(receive),
        // /proc/net/tcp has nothing to say here about a listening socket.
        state === "LISTEN" ? "-" : hex(send),
        // Before 6.17 it forgets the owner of a socket without a file.
        inode === "0" ? "-" : field(7),
        inode,
      ].join(" ");
    }
  }
}

const hex = (text: string) => String(Number.parseInt(text, 16));

/** `0100007F:1F90`, in words of the machine's order, as an address in the system's own spelling. */
function end(text: string): string {
  const [address = "", port = ""] = text.split(":");
  const bytes = Buffer.from(address, "hex");
  bytes.swap32();
  const spelled =
    bytes.length === 4
      ? bytes.join(".")
      : new SocketAddress({
          family: "ipv6",
          address: (bytes.toString("hex").match(/..../g) ?? []).join(":"),
        }).address;
  return `${spelled}#${hex(port)}`;
}
