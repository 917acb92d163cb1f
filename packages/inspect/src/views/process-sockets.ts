import { CasemateError, gva } from "@casemate/core";
import { findFamilies, type ProcessFamily } from "../linux/process-families.ts";
import { socketHolders } from "../linux/socket-holders.ts";
import { type SocketReach, socketReach } from "../linux/socket-reach.ts";
import {
  type TransportEndpoint,
  transportEndpoints,
  withoutConnectionsAtPorts,
} from "../linux/transport-endpoints.ts";
import { defineView, type ViewArgument } from "./define-view.ts";
import { readKernelTime } from "./kernel-time.ts";

export interface ProcessSocketsRow extends SocketReach {
  /** In the order they were asked for; without members where all have ended. */
  readonly families: readonly {
    /** Each `731@1084.55`. */
    readonly members: readonly string[];
    /** Addresses of control groups. */
    readonly groups: readonly string[];
  }[];
  /** Seconds since the guest's boot when the look began. */
  readonly uptime: string;
  /** Connections of others at ports of others come with the port, unless a family is in another namespace. */
  readonly endpoints: readonly TransportEndpoint[];
}

const NANOSECONDS = 1e9;
/** HOSTILE: a guest that has more processes in a family is not told them apart. */
const MAX_MEMBERS = 4_096;
const MAX_FAMILIES = 64;
const seconds = "\\d{1,12}\\.\\d\\d";
const member = new RegExp(`^[1-9]\\d{0,6}@${seconds}$`);
const whole = new RegExp(`^([^/]+)/(${seconds})/((?:0x[0-9a-f]{1,16}(?:,|$))*)$`);

const families: ViewArgument<readonly ProcessFamily[]> = {
  name: "FAMILIES",
  description:
    "processes as 731@1084.55,740@1084.60/SINCE/GROUPS, and more of them after a semicolon",
  required: true,
  parse(text) {
    const parsed = text.split(";").map(parseFamily);
    const count = parsed.reduce((sum, { members }) => sum + members.length, 0);
    if (parsed.length <= MAX_FAMILIES && count <= MAX_MEMBERS) return parsed;
    throw new CasemateError(
      "usage",
      `Cannot look for ${count} processes in ${parsed.length} families: expected at most ${MAX_MEMBERS} in ${MAX_FAMILIES}.`,
    );
  },
};

/**
 * Whose the ports and connections of the guest are: of families of processes, or of others. It is none of the
 * views that people choose from: what cuts processes off the network reads it.
 */
export const processSockets = defineView({
  id: "process-sockets",
  kind: "ProcessSockets",
  title: "Sockets by process",
  needs: ["kernelMetadata"],
  argument: families,
  read({ kernel }, _budget, argument): readonly ProcessSocketsRow[] {
    const uptime = Number(readKernelTime(kernel).boottime) / NANOSECONDS;
    const found = findFamilies(kernel, argument);
    const holders = socketHolders(kernel, found);
    if (!found.whole || !holders.whole) {
      const [damage] = kernel.damaged;
      throw new CasemateError(
        "kernel/damaged",
        `Cannot tell whose the guest's connections are: ${damage?.reason ?? "the lists of tasks could not be read"}`,
      );
    }
    const members = found.families.flatMap(({ members }) => [...members.keys()]);
    const reach = socketReach(kernel, members, holders.family);
    const endpoints = transportEndpoints(kernel, holders, { doubtful: reach.viaKernel });
    return [
      {
        families: found.families.map(({ members, groups }) => ({
          members: [...members.values()].slice(0, MAX_MEMBERS),
          groups: groups.map((at) => `0x${at.toString(16)}`),
        })),
        uptime: uptime.toFixed(2),
        ...reach,
        endpoints: reach.elsewhere ? endpoints : withoutConnectionsAtPorts(endpoints),
      },
    ];
  },
  columns: [{ key: "uptime", title: "UPTIME", align: "right" }],
});

function parseFamily(text: string): ProcessFamily {
  const [, members = "", since, groups = ""] = whole.exec(text) ?? [];
  const names = members.split(",");
  if (since === undefined || !names.every((name) => member.test(name))) {
    throw new CasemateError(
      "usage",
      `Cannot look for the processes ${text.slice(0, 100)}: expected them as 731@1084.55/1090.00/.`,
    );
  }
  const addresses = groups.split(",").filter((group) => group !== "");
  return {
    members: names,
    since: Number(since),
    groups: addresses.map((address) => gva(BigInt(address))),
  };
}
