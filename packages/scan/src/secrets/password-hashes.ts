import { MiB } from "@casemate/core";
import type { Collector } from "../collector.ts";
import { identifyPasswordHash } from "../identity/password-hash.ts";
import type { Fingerprint } from "./fingerprint.ts";
import type { FoundPasswordHash } from "./secret.ts";

/** Where hashes are, with the copies that tools make of them (shadow(5), gshadow(5), vipw(8)). */
const PATHS = [
  "/etc/shadow",
  "/etc/shadow-",
  "/etc/gshadow",
  "/etc/gshadow-",
  "/etc/passwd",
  "/etc/passwd-",
  "/etc/master.passwd",
  "/etc/security/opasswd",
  "/var/backups/shadow.bak",
  "/var/backups/gshadow.bak",
] as const;
const MAX_BYTES = 16 * MiB;

/** Password hashes of accounts and groups, and accounts that need none. */
export function passwordHashes(fingerprint: Fingerprint): Collector<FoundPasswordHash> {
  return {
    id: "secrets/password-hashes",
    *collect(look) {
      for (const path of PATHS) {
        const text = look.read(path, MAX_BYTES)?.toString("latin1") ?? "";
        for (const [i, line] of text.split("\n").entries()) {
          const [user = "", field] = line.split(":");
          // Of NIS, "compat" mode (nsswitch.conf(5)); a group without a password has none to give.
          if (user === "" || /^[#+-]/.test(user) || field === undefined) continue;
          const place = { kind: "password-hash", path, line: i + 1, user } as const;
          if (field === "" && !path.includes("gshadow")) {
            yield { ...place, rule: "empty-password", severity: "critical", algorithm: "none" };
            continue;
          }
          const crypted = field.replace(/^!+/, "");
          const hashing = identifyPasswordHash(crypted);
          if (hashing === undefined) continue;
          const { algorithm, isWeak } = hashing;
          yield {
            ...place,
            rule: isWeak ? "weak-password-hash" : "password-hash",
            severity: isWeak ? "high" : "negligible",
            algorithm,
            fingerprint: fingerprint(crypted),
          };
        }
      }
    },
  };
}
