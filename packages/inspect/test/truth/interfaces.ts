import assert from "node:assert/strict";
import type { InterfaceRow } from "../../src/index.ts";
import { readBoth } from "./read-both.ts";
import type { ReadView, RunInGuest, Truth } from "./truth.ts";

/** Loads an XDP program that lets everything pass, pins it, and attaches it by a link to device $ARGV[0] if there is one. */
const LOAD_XDP = String.raw`
use strict;
sub at { unpack "Q", pack "P", $_[0] }
my $code = pack "CCsl CCsl", 0xb7, 0, 0, 2, 0x95, 0, 0, 0; # r0 = XDP_PASS; exit
my $license = "GPL\0";
my $load = pack "LLQQLLQLLa16", 6, 2, at($code), at($license), 0, 0, 0, 0, 0, "casemate_pass";
my $program = syscall 321, 5, $load, length $load;
die "BPF_PROG_LOAD: $!" if $program < 0;
my $path = "/sys/fs/bpf/casemate\0";
my $pin = pack "QLL", at($path), $program, 0;
syscall(321, 6, $pin, length $pin) >= 0 or die "BPF_OBJ_PIN: $!";
if ($ARGV[0]) {
  my $create = pack "LLLL", $program, $ARGV[0], 37, 2; # BPF_XDP, XDP_FLAGS_SKB_MODE
  syscall(321, 28, $create, length $create) >= 0 or die "BPF_LINK_CREATE: $!";
}
close STDOUT; close STDERR;
sleep 1000000 while 1;
`;

/** As many kinds of device as the kernel has at hand; loopback alone would do. */
const MAKE_DEVICES = `
[ -e /run/casemate-devices ] || {
  exec 2>/dev/null
  ip addr add 192.0.2.1/24 dev lo
  ip addr add 192.0.2.2 peer 192.0.2.77/32 dev lo scope host
  ip addr add 2001:db8::1/64 dev lo
  ip addr add 2001:db8::2 peer 2001:db8::77/128 dev lo
  ip link add cm-bridge type bridge && ip link set cm-bridge up
  ip link add cm-dummy address 02:00:00:00:00:01 type dummy && {
    ip link set cm-dummy mtu 1400 promisc on allmulticast on up
    ip addr add 203.0.113.5/30 dev cm-dummy; ip addr add fd00::5/48 dev cm-dummy
  }
  ip link add cm-port type dummy && ip link set cm-port master cm-bridge up
  (unshare -n sleep 1000000 </dev/null >/dev/null & echo $! >/run/casemate-devices.pid)
  sleep 0.5
  other=$(cat /run/casemate-devices.pid)
  ip link add cm-near type veth peer name cm-far netns $other && ip link set cm-near up
  nsenter -t $other -n ip link set lo up
  mount -t bpf bpf /sys/fs/bpf
  ulimit -l unlimited
  perl -e '${LOAD_XDP.replaceAll("'", "'\\''")}' $(cat /sys/class/net/cm-dummy/ifindex) \\
    </dev/null >/run/casemate-xdp.log 2>&1 &
  i=0; while [ ! -e /sys/fs/bpf/casemate ] && [ $i -lt 50 ]; do sleep 0.2; i=$((i + 1)); done
  ip link set dev cm-port xdpgeneric pinned /sys/fs/bpf/casemate
  ping -c 1 -w 1 127.0.0.1 >/dev/null
  : >/run/casemate-devices
}
cat /run/casemate-xdp.log`;

/** What `ip -d -s -j addr` says of one device, as far as it is compared. */
interface IpLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly master?: string;
  readonly link_type: string;
  readonly address?: string;
  readonly permaddr?: string;
  readonly promiscuity: number;
  readonly allmulti?: number;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly xdp?: { readonly mode: number; readonly prog?: { readonly id: number } };
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly address?: string;
    readonly prefixlen: number;
    readonly scope: string;
  }[];
  readonly stats64: Record<"rx" | "tx", { readonly bytes: number; readonly packets: number }>;
}

const XDP_MODES = ["none", "driver", "generic", "hardware"];

async function readNamespace(run: RunInGuest, read: ReadView, pid: string) {
  // A bridge's timers run on, whatever else stays.
  const command = `readlink /proc/${pid}/ns/net
    nsenter -t ${pid} -n ip -d -s -j addr | sed -E 's/(_timer": *)[0-9.]+/\\10/g'`;
  const { output, rows } = await readBoth<InterfaceRow>(run, read, "interfaces", command);
  const [link = "", json = ""] = output.split("\n");
  const namespace = Number(/\d+/.exec(link)?.[0]);
  const links: IpLink[] = JSON.parse(json);
  return { links, rows: rows.filter((row) => row.netNamespace === namespace) };
}

/** What `ip` told, in the words of the view; what it left out is taken over from `row`. */
function expected(
  link: IpLink,
  row: InterfaceRow | undefined,
): Omit<InterfaceRow, "netNamespace" | "device"> {
  const isUp = link.flags.includes("UP");
  const isRunning = isUp && !link.flags.includes("NO-CARRIER");
  const flags = [
    ...link.flags.filter((flag) => flag !== "NO-CARRIER"),
    ...(isRunning ? ["RUNNING"] : []),
  ];
  const { rx, tx } = link.stats64;
  return {
    index: link.ifindex,
    name: link.ifname,
    type: link.link_type,
    kind: link.linkinfo?.info_kind ?? null,
    flags: flags.toSorted() as InterfaceRow["flags"], // compared with what has that type
    promiscuity: link.promiscuity,
    allMulticast: link.allmulti ?? row?.allMulticast ?? 0,
    mtu: link.mtu,
    mac: link.address ?? null,
    permanentMac:
      link.permaddr ?? (row?.permanentMac === link.address ? (row?.permanentMac ?? null) : null),
    addresses: link.addr_info.map(({ family, local, address, prefixlen, scope }) => ({
      family: family as "inet", // compared with what has that type
      address: local,
      prefixLength: prefixlen,
      scope: scope as "global", // compared with what has that type
      peer: address ?? null,
    })),
    master: link.master ?? null,
    xdp: (row?.xdp ?? []).map((program) => ({
      name: program.name,
      mode: XDP_MODES[link.xdp?.mode ?? 0] as "generic", // compared with what has that type
      programId: link.xdp?.prog?.id ?? 0,
    })),
    statistics:
      row?.statistics === null
        ? null
        : { rxBytes: rx.bytes, rxPackets: rx.packets, txBytes: tx.bytes, txPackets: tx.packets },
  };
}

export const interfacesTruths: readonly Truth[] = [
  {
    view: "interfaces",
    claim: "what ip -d -s addr prints in two network namespaces",
    async prepare(run) {
      const { output } = await run(MAKE_DEVICES);
      assert.equal(output, "");
    },
    async compare(run, read) {
      for (const pid of ["1", "$(cat /run/casemate-devices.pid)"]) {
        const { links, rows } = await readNamespace(run, read, pid);
        assert.ok(links.length > 0);
        const actual = rows.map(({ netNamespace: _, device: __, ...row }) => ({
          ...row,
          flags: row.flags.toSorted(),
        }));
        assert.deepEqual(
          actual,
          links.map((link) =>
            expected(
              link,
              rows.find(({ index }) => index === link.ifindex),
            ),
          ),
        );
        for (const link of links) {
          const row = rows.find(({ index }) => index === link.ifindex);
          assert.equal(row?.xdp.length, link.xdp === undefined ? 0 : 1, link.ifname);
        }
        const kinds = new Set(rows.map(({ kind }) => kind));
        for (const kind of pid === "1" ? ["bridge", "dummy", "veth"] : ["veth"]) {
          assert.ok(kinds.has(kind), `there is a device of kind ${kind}`);
        }
        const loopback = rows.find(({ type }) => type === "loopback");
        assert.notEqual(loopback?.statistics, null);
        if (pid !== "1") continue;
        assert.equal(
          loopback?.addresses.some(({ address }) => address === "2001:db8::1"),
          true,
        );
        for (const device of ["cm-dummy", "cm-port"]) {
          const row = rows.find(({ name }) => name === device);
          assert.equal(row?.xdp[0]?.name, "casemate_pass", device);
        }
      }
    },
  },
];
