import type { KernelOptions } from "@casemate/lab";

/** A kernel that detectors are tried on. */
export interface GuestKind extends Pick<KernelOptions, "suite" | "flavour"> {
  readonly title: string;
  /** QEMU's `-cpu`: with and without five-level paging; `cx16=off` as QEMU 7.2 breaks that instruction. */
  readonly cpu: string;
}

/** The kernels that stable Debians have, and the newest that Debian has anywhere. */
export const guestKinds: readonly GuestKind[] = [
  {
    title: "Debian 11, cloud",
    suite: "bullseye",
    flavour: "cloud-amd64",
    cpu: "max,cx16=off",
  },
  {
    title: "Debian 12, cloud",
    suite: "bookworm",
    flavour: "cloud-amd64",
    cpu: "max,la57=off,cx16=off",
  },
  {
    title: "Debian 13, cloud",
    suite: "trixie",
    flavour: "cloud-amd64",
    cpu: "max,la57=off,cx16=off",
  },
  {
    title: "experimental, generic",
    suite: "experimental",
    flavour: "amd64",
    cpu: "max,cx16=off",
  },
];
