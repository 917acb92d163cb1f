import { createHash } from "node:crypto";

/** What makes a new VM another than all there are: the same for one request however often it is planned. */
export interface DerivedIdentity {
  readonly uuid: string;
  /** Eight hexadecimal digits that stand in the names of all files of the request, so that they are known again. */
  readonly tag: string;
  /** A MAC address under QEMU's prefix that is none of `taken`. */
  mac(index: number, taken: ReadonlySet<string>): string;
}

export function deriveIdentity(requestId: string): DerivedIdentity {
  const digest = (what: string) =>
    createHash("sha256").update(`casemate\0${requestId}\0${what}`).digest("hex");
  return {
    uuid: asUuid(digest("uuid")),
    tag: digest("tag").slice(0, 8),
    mac(index, taken) {
      for (let attempt = 0; ; attempt += 1) {
        const tail = digest(`mac ${index} ${attempt}`).slice(0, 6);
        const mac = ["52", "54", "00", ...(tail.match(/../g) ?? [])].join(":");
        if (!taken.has(mac)) return mac;
      }
    },
  };
}

/** Version 8, what a UUID made by a hash of one's own is (RFC 9562, 5.8). */
function asUuid(hex: string): string {
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}
