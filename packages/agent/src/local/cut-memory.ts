import type { CutTraffic, GuestConnection } from "@casemate/host";
import type { ProcessSocketsRow } from "@casemate/inspect";

type Endpoint = ProcessSocketsRow["endpoints"][number];

/**
 * What passes of a guest of which processes are cut off, from look to look: what others have open and no
 * process that is cut off has, or had.
 *
 * A process may hand a socket to another and close it: what was its stays closed for as long as it is there.
 * A program may end before all it has sent has arrived: a connection of others that nobody has open any more
 * stays open.
 */
export class CutMemory {
  /** Keys of endpoints. */
  #theirs: ReadonlySet<string> = new Set();
  #others: ReadonlySet<string> = new Set();

  /** What was theirs is closed no longer for that alone: one of them is cut off no more. */
  forgive(): void {
    this.#theirs = new Set();
  }

  /** Takes note of a look. */
  next({ endpoints, elsewhere }: Pick<ProcessSocketsRow, "endpoints" | "elsewhere">): CutTraffic {
    const theirs = new Set<string>();
    const others = new Set<string>();
    for (const endpoint of endpoints) {
      const key = keyOf(endpoint);
      const { heldBy, remote } = endpoint;
      if (heldBy === "family" || this.#theirs.has(key)) theirs.add(key);
      else if (heldBy === "others") others.add(key);
      else if (remote !== null && this.#others.has(key)) others.add(key);
    }
    this.#theirs = theirs;
    this.#others = others;
    // What comes for a namespace within the guest comes to the guest's own ports: whose they are shows nowhere.
    const portsOf = (protocol: Endpoint["protocol"]) =>
      elsewhere ? [] : portsIn(endpoints, protocol, others);
    return {
      tcpPorts: portsOf("tcp"),
      udpPorts: portsOf("udp"),
      open: connectionsIn(endpoints, others),
      closed: connectionsIn(endpoints, theirs),
    };
  }
}

/** The ports of a protocol, without connections, whose keys are among `keys`. */
function portsIn(
  endpoints: readonly Endpoint[],
  protocol: Endpoint["protocol"],
  keys: ReadonlySet<string>,
): number[] {
  return endpoints
    .filter((each) => each.protocol === protocol && each.remote === null && keys.has(keyOf(each)))
    .map(({ port }) => port)
    .toSorted((a, b) => a - b);
}

function connectionsIn(
  endpoints: readonly Endpoint[],
  keys: ReadonlySet<string>,
): GuestConnection[] {
  return endpoints
    .filter((each) => keys.has(keyOf(each)))
    .toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
    .flatMap(({ port, remote, remotePort }) =>
      remote === null || remotePort === null ? [] : [{ port, remote, remotePort }],
    );
}

function keyOf({ protocol, port, remote, remotePort }: Endpoint): string {
  return `${protocol} ${port} ${remote} ${remotePort}`;
}
