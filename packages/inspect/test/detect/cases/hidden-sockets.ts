import { type Gva, gva } from "@casemate/core";
import type { SocketRow } from "../../../src/index.ts";
import type { DetectorCase } from "../detector-case.ts";
import { findSocket } from "../find-socket.ts";
import type { GuestEditor } from "../guest-editor.ts";
import { unhash } from "../list-edits.ts";

const detector = "hidden-sockets";
/** No address that can be; an odd one ends some chains. */
const NOWHERE = gva(0x4141_4141_4141_4140n);

export const hiddenSocketsCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "a TCP socket that listens and is in no table",
    finds: /^tcp socket 127\.0\.0\.1:7701 at /,
    tamper: (guest) => hide(guest, { state: "LISTEN", localPort: 7701 }, "skc_nulls_node"),
  },
  {
    detector,
    claim: "a TCP connection that is in no table",
    finds: /^tcp socket 127\.0\.0\.1:\d+ to 127\.0\.0\.1:7701 at /,
    tamper: (guest) => hide(guest, { state: "ESTAB", remotePort: 7701 }, "skc_nulls_node"),
  },
  {
    detector,
    claim: "a UDP socket that is in no table by port",
    finds: /^udp socket 127\.0\.0\.1:7702 at /,
    tamper: (guest) => hide(guest, { protocol: "udp", localPort: 7702 }, "skc_node"),
  },
  {
    detector,
    claim: "a UDP socket of IPv6 that is in no table by port",
    finds: /^udp socket \[::1\]:7703 at /,
    tamper: (guest) => hide(guest, { protocol: "udp", localPort: 7703 }, "skc_node"),
  },
  {
    detector,
    claim: "a Unix socket that is in no table",
    finds: /^unix socket @casemate-hidden at /,
    tamper: (guest) => hide(guest, { protocol: "unix", local: "@casemate-hidden" }, "skc_node"),
  },
  {
    detector,
    claim: "a table of sockets that leads nowhere",
    finds: "could not look",
    tamper: async (guest) => {
      const sock = await findSocket(guest, { protocol: "udp", localPort: 7702 });
      return guest.edit(() => [guest.writeU64(member(guest, sock, "skc_node"), NOWHERE)]);
    },
  },
];

/** Takes a socket out of its chain. */
async function hide(
  guest: GuestEditor,
  wanted: Partial<SocketRow>,
  node: string,
): Promise<AsyncDisposable> {
  const sock = await findSocket(guest, wanted);
  return guest.edit(() => unhash(guest, member(guest, sock, node)));
}

function member(guest: GuestEditor, sock: Gva, name: string): Gva {
  return guest.look(({ kernel }) => kernel.struct("sock").address(`__sk_common.${name}`)(sock));
}
