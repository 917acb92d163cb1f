import { formatAddress } from "@casemate/core";
import { netDeviceAddresses } from "../../linux/net-device-addresses.ts";
import { netDeviceMac } from "../../linux/net-device-mac.ts";
import { walkNetDevices } from "../../linux/walk-net-devices.ts";
import { isWhole } from "../../walk/is-whole.ts";
import { AnswerValue, unfit } from "./answer-value.ts";
import type { Source, Subject, Topic, Traits } from "./topic.ts";

/** include/uapi/linux/if_arp.h: of links of other types agents do not tell the address as it is. */
const ETHERNET = 1;

/** HOSTILE: of an interface with more addresses nobody reads them all. */
const MAX_ADDRESSES = 100;

const keyOf = (name: string) => `interface ${name}`;

/** Network interfaces of the first namespace, with their addresses. */
export const interfaceTopic: Topic = {
  title: "network interfaces",
  recall({ kernel }) {
    const type = kernel.struct("net_device");
    const [name, kind] = [type.string("name"), type.number("type")];
    const mac = netDeviceMac(kernel);
    const addresses = netDeviceAddresses(kernel);
    const subjects = new Map<string, Subject>();
    const whole = isWhole(kernel, () => {
      kernel.each("net_device", walkNetDevices(kernel, kernel.symbol("init_net")), (at) => {
        const own = kind(at) === ETHERNET ? mac(at) : null;
        const all = addresses(at).map((each) => `${each.address}/${each.prefixLength}`);
        subjects.set(keyOf(name(at)), {
          name: `Interface ${name(at)}`,
          identity: `${keyOf(name(at))} at ${formatAddress(at)}`,
          traits: { addresses: addressText(all), ...(own === null ? {} : { mac: own }) },
          isShown: true,
          place: {
            address: formatAddress(at),
            path: ["init_net", "dev_base_head", `net_device ${name(at)}`],
          },
        });
      });
    });
    return { subjects, isWhole: whole };
  },
  sources: () => [getInterfaces],
};

const addressText = (all: readonly string[]) => all.toSorted().join(" ") || "none";

const getInterfaces: Source = {
  via: "its list of interfaces",
  question: { ask: "interfaces" },
  parse(answer) {
    const found = new Map<string, { readonly addresses: string[]; mac?: string }>();
    for (const each of AnswerValue.parse(answer).list()) {
      // An address that has a label is told as an interface of that name: `eth0:1`.
      const [name = ""] = each.member("name").text().split(":");
      const known = found.get(name) ?? { addresses: [] };
      found.set(name, known);
      if (each.has("hardware-address")) known.mac = each.member("hardware-address").text();
      for (const address of each.has("ip-addresses") ? each.member("ip-addresses").list() : []) {
        if (known.addresses.length === MAX_ADDRESSES) throw unfit("too many addresses");
        known.addresses.push(
          `${address.member("ip-address").text()}/${address.member("prefix").count()}`,
        );
      }
    }
    const named = new Map<string, Traits>();
    for (const [name, { addresses, mac }] of found) {
      named.set(keyOf(name), {
        addresses: addressText(addresses),
        ...(mac === undefined ? {} : { mac: mac.toLowerCase() }),
      });
    }
    return { named, denies: (key) => key.startsWith(keyOf("")) && !named.has(key) };
  },
};
