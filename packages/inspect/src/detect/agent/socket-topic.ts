import { formatAddress } from "@casemate/core";
import { formatIpv4, formatIpv6 } from "../../linux/inet-address.ts";
import { socketAddresses } from "../../linux/socket-address.ts";
import { socketInode } from "../../linux/socket-inode.ts";
import { AddressFamily, protocolName } from "../../linux/socket-names.ts";
import { SkState } from "../../linux/socket-state.ts";
import { walkSockets } from "../../linux/walk-sockets.ts";
import { isWhole } from "../../walk/is-whole.ts";
import { socketIdentity } from "../socket-identity.ts";
import { MAX_ANSWER_BYTES } from "./agent-question.ts";
import { unfit } from "./answer-value.ts";
import { parseFileLines } from "./file-lines.ts";
import type { Source, Subject, Topic, Traits } from "./topic.ts";

const TABLES = ["tcp", "tcp6", "udp", "udp6"] as const;

/** Inode numbers are given once, to all sockets that a process can have open. */
const keyOf = (table: string, inode: number) => `${prefixOf(table)}${inode}`;
const prefixOf = (table: string) => `${table} socket `;

/** TCP and UDP sockets of the first network namespace: /proc/net/tcp and its like. */
export const socketTopic: Topic = {
  title: "sockets",
  recall({ kernel }) {
    const type = kernel.struct("sock");
    const family = type.number("__sk_common.skc_family");
    const state = type.number("__sk_common.skc_state");
    const net = type.pointer("__sk_common.skc_net");
    const [kind, protocol] = [type.number("sk_type"), type.number("sk_protocol")];
    const uid = type.number("sk_uid");
    const inode = socketInode(kernel);
    const addresses = socketAddresses(kernel);
    const identify = socketIdentity(kernel);
    const first = kernel.symbol("init_net");
    const subjects = new Map<string, Subject>();
    const whole = isWhole(kernel, () => {
      for (const at of walkSockets(kernel)) {
        kernel.attempt(
          () => {
            const of = family(at);
            if (of !== AddressFamily.inet && of !== AddressFamily.inet6) return;
            const now = state(at);
            if (net(at) !== first || now === SkState.timeWait || now === SkState.newSynRecv) return;
            const name = protocolName(of, kind(at), protocol(at));
            const table = TABLES.find(
              (each) => each === (of === AddressFamily.inet ? name : `${name}6`),
            );
            const number = inode(at);
            if (table === undefined || number === 0) return;
            const { local, remote } = addresses(at);
            subjects.set(keyOf(table, number), {
              name: identify(at).name,
              identity: identify(at).key,
              traits: {
                local: endText(local.address, local.port ?? 0),
                remote: endText(remote.address, remote.port ?? 0),
                uid: `${uid(at)}`,
              },
              isShown: name === "udp" || now === SkState.listen || now === SkState.established,
              place: {
                address: formatAddress(at),
                path: [name === "udp" ? "udp_table" : "inet_hashinfo", `sock ${formatAddress(at)}`],
              },
            });
          },
          "sock",
          at,
        );
      }
    });
    return { subjects, isWhole: whole };
  },
  sources: () => TABLES.map(tableSource),
};

/** What init sees: an agent may live in a network namespace of its own. */
function tableSource(table: string): Source {
  const path = `/proc/1/net/${table}`;
  const isOfTable = (key: string) => key.startsWith(prefixOf(table));
  return {
    via: path,
    question: { ask: "file", path, bytes: MAX_ANSWER_BYTES },
    parse(answer) {
      const { lines, isWhole: isAll } = parseFileLines(answer);
      const named = new Map<string, Traits>();
      for (const line of lines.slice(1, isAll ? undefined : -1)) {
        const [key, traits] = parseLine(table, line);
        // Connections that end, or only begin, have none.
        if (key !== keyOf(table, 0)) named.set(key, traits);
      }
      return { named, denies: (key) => isAll && isOfTable(key) && !named.has(key) };
    },
  };
}

/** proc_pid_net(5): number, local and remote end, state, queues, timer, retransmissions, uid, timeout, inode. */
function parseLine(table: string, line: string): readonly [key: string, traits: Traits] {
  const [, local = "", remote = "", , , , , uid = "", , inode = ""] = line.trim().split(/ +/);
  if (!/^\d{1,10}$/.test(uid) || !/^\d{1,10}$/.test(inode)) throw unfit("no sockets");
  return [keyOf(table, Number(inode)), { local: parseEnd(local), remote: parseEnd(remote), uid }];
}

/** An address as the numbers of 32 bits that it is to the guest's processor, and a port. */
function parseEnd(text: string): string {
  const [, address = "", port = ""] = /^((?:[0-9A-F]{8}){1,4}):([0-9A-F]{4})$/.exec(text) ?? [];
  const bytes = Buffer.from(address, "hex");
  if (bytes.length !== 4 && bytes.length !== 16) throw unfit("no address of a socket");
  bytes.swap32();
  return endText(
    bytes.length === 4 ? formatIpv4(bytes) : formatIpv6(bytes),
    Number.parseInt(port, 16),
  );
}

function endText(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
