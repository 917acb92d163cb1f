import { type Gva, gva } from "@casemate/core";
import type { DetectorCase } from "../detector-case.ts";
import { findSocket } from "../find-socket.ts";
import type { GuestEditor } from "../guest-editor.ts";
import { unhash } from "../list-edits.ts";
import { sleeperOf } from "../sleeper-of.ts";
import { unlistProcess } from "../unlist-process.ts";

const detector = "unlisted-objects";
/** No address that can be. */
const NOWHERE = gva(0x4141_4141_4141_4141n);

export const unlistedObjectsCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "a process that is in none of the kernel's structures",
    finds: /^process \d+ started at [\d.]+$/,
    tamper: async (guest) => {
      const sleeper = await sleeperOf(guest);
      return guest.edit(() =>
        unlistProcess(guest, sleeper, "tasks", "pids", "cgroups", "children", "owner"),
      );
    },
  },
  {
    detector,
    claim: "a TCP socket that listens, is in no table and owns no port",
    finds: /^tcp socket 127\.0\.0\.1:7701 at /,
    tamper: async (guest) => {
      const sock = await findSocket(guest, { state: "LISTEN", localPort: 7701 });
      return guest.edit(() => [
        ...unhash(guest, member(guest, sock, "skc_nulls_node")),
        ...unhash(guest, member(guest, sock, "skc_bind_node")),
      ]);
    },
  },
  {
    detector,
    claim: "a list of protocols that leads nowhere",
    finds: "could not look",
    tamper: (guest) =>
      guest.edit(() => {
        const list = guest.look(({ kernel }) => kernel.symbol("proto_list"));
        return [guest.writeU64(list, NOWHERE)];
      }),
  },
];

function member(guest: GuestEditor, sock: Gva, name: string): Gva {
  return guest.look(({ kernel }) => kernel.struct("sock").address(`__sk_common.${name}`)(sock));
}
