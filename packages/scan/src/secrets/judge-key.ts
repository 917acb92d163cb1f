import type { PrivateKey } from "./private-key.ts";
import type { FoundKey } from "./secret.ts";

/** sshd reads these without anybody there: they are never under a passphrase. */
const HOST_KEY = /^\/etc\/ssh\/ssh_host_[^/]+$/;

/** How bad it is that a private key lies at `path`. */
export function judgeKey(
  { format, protection }: PrivateKey,
  path: string,
): Pick<FoundKey, "kind" | "rule" | "severity"> {
  const kind = "private-key";
  const rule = `${format}-private-key`;
  if (HOST_KEY.test(path)) return { kind, rule, severity: "negligible" };
  switch (protection) {
    case "passphrase":
      return { kind, rule, severity: "low" };
    case "unreadable":
      return { kind, rule, severity: "medium" };
    case "none":
      // Services' keys lie in /etc because they have to; in a home it is a person's.
      return { kind, rule, severity: path.startsWith("/etc/") ? "medium" : "high" };
  }
}
