import { interfaces } from "../../../src/index.ts";
import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";
import { startNamed } from "../start-named.ts";

const detector = "network-taps";

/** A Perl that has nothing but a socket, and says so by its name: Debian's base has it, and no sniffer. */
const socketOf = (family: number, type: number, protocol: number) =>
  `perl -e 'socket(my $s, ${family}, ${type}, ${protocol}) or die $!; $0 = "SOCKET"; sleep 1000000'`;

export const networkTapsCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "a sniffer",
    finds: /^socket \d+ of namespace \d+$/,
    // AF_PACKET, SOCK_RAW, ETH_P_ALL in the order of the network.
    tamper: (guest) => startNamed(guest, "SOCKET", socketOf(17, 3, 0x0300)),
  },
  {
    detector,
    claim: "a program that makes packets of its own",
    finds: /^socket \d+ of namespace \d+$/,
    // AF_INET, SOCK_RAW, a protocol that nobody has.
    tamper: (guest) => startNamed(guest, "SOCKET", socketOf(2, 3, 253)),
  },
  {
    detector,
    claim: "a device that takes in everything",
    finds: /^promiscuous lo of namespace \d+$/,
    tamper: (guest) => change(guest, "ip link set lo promisc on", "ip link set lo promisc off"),
  },
  {
    detector,
    claim: "a device with another hardware address",
    finds: /^mac .* of namespace \d+$/,
    tamper: async (guest) => {
      const device = "ls -d /sys/class/net/*/device | head -1 | cut -d/ -f5";
      const name = await guest.run(device);
      const mac = await guest.run(`cat /sys/class/net/${name}/address`);
      const set = (address: string) => `ip link set ${name} address ${address}`;
      return await change(guest, set("02:00:00:00:00:01"), set(mac));
    },
    without: (kernel) => {
      const { items } = kernel.grant("kernelMetadata").read(interfaces);
      const made = items.some(({ permanentMac }) => permanentMac !== null);
      return made ? undefined : "no device of this guest knows the address that it was made with";
    },
  },
];

async function change(guest: GuestEditor, to: string, back: string): Promise<AsyncDisposable> {
  await guest.run(to);
  return { [Symbol.asyncDispose]: async () => void (await guest.run(back)) };
}
