import { createHash } from "node:crypto";

/** What a lab guest is for; its init starts the services of it. */
export type GuestRole = "web" | "db" | "build";

/** A lab guest before it is started. */
export interface GuestPlan {
  readonly name: string;
  readonly role: GuestRole;
  /** The same for the same lab, so that its history goes on in the next run. */
  readonly uuid: string;
  readonly mac: string;
  readonly address: string;
  readonly memoryMiB: number;
}

/** The lab's network. Documentation's own addresses (RFC 5737): they are nobody's. */
export const labNetwork = {
  name: "lab",
  bridge: "lab0",
  domain: "lab.example",
  address: "192.0.2.1",
  prefix: 24,
} as const;

/** The lab's three guests. @param place what tells this lab from others: its data directory. */
export function planGuests(place: string): GuestPlan[] {
  const roles = { web01: "web", db01: "db", build01: "build" } as const;
  return Object.entries(roles).map(([name, role], index) => {
    const digest = createHash("sha256").update(`${place}\0${name}`).digest();
    return {
      name,
      role,
      uuid: formatUuid(digest),
      // 52:54:00 is QEMU's.
      mac: `52:54:00:${digest.toString("hex", 16, 19).replace(/..(?=.)/g, "$&:")}`,
      address: `192.0.2.${10 + index}`,
      memoryMiB: 384,
    };
  });
}

/** The first 16 bytes as a UUID of version 8: whose bits are the application's (RFC 9562, 5.8). */
function formatUuid(digest: Buffer): string {
  const bytes = Buffer.from(digest.subarray(0, 16));
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
