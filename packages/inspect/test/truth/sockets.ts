import assert from "node:assert/strict";
import type { SocketRow } from "../../src/index.ts";
import { makeShortLivedSockets, makeSockets } from "./make-sockets.ts";
import { parseProcNet, printProcNet } from "./proc-net.ts";
import { readBoth } from "./read-both.ts";
import type { ReadView, RunInGuest, Truth } from "./truth.ts";

async function prepare(run: RunInGuest): Promise<void> {
  const { output, exitCode } = await run(makeSockets);
  assert.equal(exitCode, 0, output);
}

/** The states of all sockets, among them those that last a minute: made anew, so that a dump has them too. */
async function makeStates(run: RunInGuest, read: ReadView): Promise<ReadonlySet<unknown>> {
  await run(makeShortLivedSockets);
  return new Set((await read("sockets")).map((row) => row["state"]));
}

/** A row in the words of `parseProcNet`. */
function lineOf(row: SocketRow): string {
  const { protocol, inode, receiveQueue } = row;
  switch (protocol) {
    case "packet": {
      const type = row.type === "raw" ? 3 : 2;
      const index = row.local === "lo" ? 1 : 0;
      // ETH_P_ALL: it fills up with whatever comes by.
      const queue = row.localPort === 3 ? "-" : receiveQueue;
      return [protocol, `type ${type}`, row.localPort, index, queue, row.uid, inode].join(" ");
    }
    case "unix": {
      const type = { stream: 1, dgram: 2, seqpacket: 5 }[row.type];
      return [protocol, `type ${type}`, row.state, inode, row.local].join(" ");
    }
    case "netlink": {
      const number = NETLINK.indexOf(row.local);
      const eth = number < 0 ? row.local : number;
      return [protocol, eth, row.localPort, receiveQueue, row.sendQueue, inode].join(" ");
    }
    default:
      return [
        protocol,
        row.family,
        row.state,
        `${row.local}#${row.localPort}`,
        `${row.remote}#${row.remotePort}`,
        receiveQueue,
        row.state === "LISTEN" ? "-" : row.sendQueue,
        inode === 0 ? "-" : row.uid,
        inode,
      ].join(" ");
  }
}

/** /usr/share/iproute2/nl_protos */
const NETLINK = (
  "rtnl - usersock fw tcpdiag nflog xfrm selinux iscsi audit fiblookup connector nft - " +
  "dec-rt uevent genl - scsi-trans ecryptfs rdma crypto smc"
).split(" ");

const IN_PROC = new Set("tcp udp udplite raw icmp icmp6 packet unix netlink".split(" "));

/** Those of one namespace that are in the kernel's tables. */
function linesOf(rows: readonly SocketRow[], namespace: number): readonly string[] {
  return rows
    .filter((row) => row.netNamespace === namespace && row.seenIn.includes("hash"))
    .filter((row) => IN_PROC.has(row.protocol))
    .map(lineOf)
    .toSorted();
}

export const socketsTruths: readonly Truth[] = [
  {
    view: "sockets",
    claim: "every line of /proc/net in two network namespaces, and no more",
    prepare,
    async compare(run, read, note) {
      const states = await makeStates(run, read);
      for (const state of [
        "SYN-RECV",
        "LISTEN",
        "ESTAB",
        "CLOSE-WAIT",
        "FIN-WAIT-2",
        "TIME-WAIT",
        "UNCONN",
      ]) {
        assert.ok(states.has(state), `no socket is in ${state}`);
      }
      for (const pid of ["1", "$(tail -n 1 /run/casemate-sockets)"]) {
        const { output, rows } = await readBoth<SocketRow>(run, read, "sockets", printProcNet(pid));
        const namespace = Number(/net:\[(\d+)\]/.exec(output)?.[1]);
        if (!/^== udplite\n\s*sl/m.test(output)) note("not there", "UDP-Lite");
        assert.deepEqual(linesOf(rows, namespace), parseProcNet(output));
      }
    },
  },
  {
    view: "sockets",
    claim: "who has each socket open, as /proc/PID/fd shows",
    prepare,
    async compare(run, read) {
      const command = `
        find /proc/[0-9]*/fd -lname 'socket:*' -printf '%p %l\\n' 2>/dev/null
        head -n 1 /run/casemate-sockets`;
      const { output, rows } = await readBoth<SocketRow>(run, read, "sockets", command);
      const expected = [...output.matchAll(/^\/proc\/(\d+)\/fd\/(\d+) socket:\[(\d+)\]$/gm)].map(
        ([, pid, fd, inode]) => `${inode} ${pid} ${fd}`,
      );
      const actual = rows.flatMap((row) =>
        row.owners.map((owner) => `${row.inode} ${owner.pid} ${owner.fd}`),
      );
      assert.deepEqual(actual.toSorted(), expected.toSorted());
      const holder = output.trim().split("\n").at(-1);
      const unbound = rows
        .filter(({ seenIn }) => !seenIn.includes("hash"))
        .filter(({ owners }) => owners.some(({ pid }) => pid === Number(holder)));
      assert.deepEqual(unbound.map(({ protocol }) => protocol).toSorted(), ["tcp", "udp"]);
    },
  },
  {
    view: "sockets",
    claim: "what ss -ntua prints: states, addresses, devices, processes",
    prepare,
    async compare(run, read, note) {
      await makeStates(run, read);
      const { output, rows } = await readBoth<SocketRow>(
        run,
        read,
        "sockets",
        "readlink /proc/1/ns/net; ss -HnOtuap",
      );
      const namespace = Number(/net:\[(\d+)\]/.exec(output)?.[1]);
      // Without the kernel's diag modules ss reads /proc/net, which does not tell devices.
      const tellsDevices = output.includes("%lo:");
      if (!tellsDevices)
        note("inconclusive", "ss tells no devices: the kernel has no diag modules");
      const actual = rows
        .filter((row) => row.netNamespace === namespace && row.seenIn.includes("hash"))
        .filter(({ protocol }) => protocol === "tcp" || protocol === "udp")
        .map((row) => ssLineOf(tellsDevices ? row : { ...row, device: null }));
      const expected = output.split("\n").slice(1).filter(Boolean).map(ssLine);
      assert.deepEqual(actual.toSorted(), expected.toSorted());
    },
  },
];

/** A row as `ss -HnOtuap` prints it, without its padding and the limits of listening sockets. */
function ssLineOf(row: SocketRow): string {
  const address = (text: string, port: number | null, device: string | null) => {
    const host = row.family === "inet6" ? `[${text}]` : text;
    return `${host}${device === null ? "" : `%${device}`}:${port === 0 ? "*" : port}`;
  };
  return [
    row.protocol,
    row.state,
    row.receiveQueue,
    row.state === "LISTEN" ? "-" : row.sendQueue,
    address(row.local, row.localPort, row.device),
    address(row.remote, row.remotePort, null),
    row.owners
      .map(({ name, pid, fd }) => `("${name}",pid=${pid},fd=${fd})`)
      .toSorted()
      .join(","),
  ].join(" ");
}

function ssLine(line: string): string {
  const [protocol, state, receive, send, local, remote, ...rest] = line.trim().split(/\s+/);
  const users = [...rest.join(" ").matchAll(/\("[^"]*",pid=\d+,fd=\d+\)/g)].map(String);
  // A socket that takes IPv4 too is `*` to ss.
  const any = (end = "") => end.replace(/^\*(?=[:%])/, "[::]");
  return [
    protocol,
    state,
    receive,
    state === "LISTEN" ? "-" : send,
    any(local),
    any(remote),
    users.toSorted().join(","),
  ].join(" ");
}
