import type { OsRelease } from "../system/os-release.ts";

/** Vendor and product of systems in NVD's dictionary, by the `ID` of their os-release. */
const PRODUCTS: Readonly<Record<string, string>> = {
  debian: "debian:debian_linux",
  ubuntu: "canonical:ubuntu_linux",
  alpine: "alpinelinux:alpine_linux",
  rhel: "redhat:enterprise_linux",
  fedora: "fedoraproject:fedora",
  almalinux: "almalinux:almalinux",
  rocky: "rocky:linux",
  ol: "oracle:linux",
  amzn: "amazon:amazon_linux",
  opensuse: "opensuse:leap",
  "opensuse-leap": "opensuse:leap",
  sles: "suse:linux_enterprise_server",
};

/**
 * The CPE 2.3 name of a system (NISTIR 7695, 6.2); `undefined` where NVD has no name for it, or it has no version.
 *
 * Packages have none: their CPEs could only be guessed, their package URLs say exactly what they are.
 */
export function systemCpe({ id, versionId = "" }: OsRelease): string | undefined {
  const product = Object.hasOwn(PRODUCTS, id) ? PRODUCTS[id] : undefined;
  // HOSTILE: the guest says its version; one that would have to be escaped is none.
  if (product === undefined || !/^[0-9][0-9A-Za-z._-]{0,63}$/.test(versionId)) return undefined;
  return `cpe:2.3:o:${product}:${versionId.replaceAll("-", "\\-")}:*:*:*:*:*:*:*`;
}
