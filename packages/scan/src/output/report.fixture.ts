import type { Finding } from "./finding.ts";
import type { ScanReport } from "./scan-report.ts";

/** What a guest writes to get into a document, a terminal or a viewer: quotes, controls, links, placeholders. */
export const hostileText =
  'a"\\b\u001b[2J\u202e[click](https://evil.example) {0} %2e%2e/ #x\u0000\n日本';

/** A report with everything that documents tell of; with `missed` as given. */
export function makeReport({ missed = [] }: Partial<Pick<ScanReport, "missed">> = {}): ScanReport {
  const from = "/var/lib/dpkg/status";
  const source = { name: "openssl", version: "3.0.11-1" };
  const library = { type: "npm", name: "left-pad", version: "1.3.0" } as const;
  const vulnerable = {
    type: "deb",
    package: "libssl3",
    installed: "3.0.11-1",
    architecture: "amd64",
    source: "openssl",
    purl: "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12",
    from,
  } as const;
  const vulnerability = {
    vulnerability: "CVE-2024-5535",
    advisories: ["CVE-2024-5535", "DSA-5732-1"],
    severity: {
      level: "critical",
      score: 9.1,
      vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:H",
      source: "cvss",
    },
    fixed: "3.0.14-1~deb12u1",
    verdict: "affected",
    reason: null,
    published: "2024-06-27T00:00:00.000Z",
  } as const;
  return {
    subject: "web01.qcow2",
    takenAt: new Date("2026-03-04T05:06:07.089Z"),
    version: "0.1.0",
    os: {
      id: "debian",
      versionId: "12",
      codename: "bookworm",
      prettyName: "Debian GNU/Linux 12 (bookworm)",
      idLike: [],
    },
    volumes: [],
    coverage: {
      volumes: { read: 1, total: 2 },
      bytes: { read: 1024, total: 2048 },
      files: { read: 10, total: 12 },
    },
    missed,
    found: {
      packages: [
        {
          type: "deb",
          name: "openssl",
          version: "3.0.11-1",
          architecture: "amd64",
          source,
          from,
          purl: "pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12",
        },
        {
          type: "deb",
          name: "libssl3",
          version: "3.0.11-1",
          architecture: "amd64",
          source,
          from,
          purl: vulnerable.purl,
        },
        { ...library, purl: "pkg:npm/left-pad@1.3.0", from: "/srv/a/node_modules/left-pad" },
        { ...library, purl: "pkg:npm/left-pad@1.3.0", from: "/srv/b/node_modules/left-pad" },
        {
          type: "pypi",
          name: hostileText,
          version: hostileText.repeat(100),
          purl: `pkg:pypi/${encodeURIComponent(hostileText)}@1`,
          from: `/${hostileText}`,
        },
      ],
    },
    vulnerabilities: {
      findings: [
        { ...vulnerability, ...vulnerable },
        {
          ...vulnerability,
          ...vulnerable,
          package: "openssl",
          purl: vulnerable.purl.replace("libssl3", "openssl"),
        },
        {
          ...vulnerability,
          ...vulnerable,
          vulnerability: "CVE-2023-0001",
          advisories: ["CVE-2023-0001"],
          severity: null,
          fixed: null,
          verdict: "ignored",
          reason: "unimportant",
          published: null,
        },
      ],
      uncovered: [{ ecosystem: "npm", reason: "no-advisories", packages: 2 }],
    },
    findings: [leakedKey],
  };
}

/** A finding with a line, at a path that would be more than one. */
export const leakedKey: Finding = {
  kind: "secret",
  rule: { id: "private-key", title: "Private key without a passphrase", help: "Replace the key." },
  severity: "high",
  message: `A private key lies open in ${hostileText}.`,
  path: `/home/${hostileText}/id_ed25519`,
  line: 7,
  identity: ["4f1c2e"],
  details: { fingerprint: "4f1c2e" },
};
