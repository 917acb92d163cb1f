import { CasemateError, KiB } from "@casemate/core";
import type { Collector } from "../collector.ts";
import { parseSshPublicKey, type SshPublicKey, stringAt } from "./ssh-public-key.ts";

/** A key that a machine's SSH server proves itself by. */
export interface SshHostKey extends SshPublicKey {
  readonly path: string;
  /** Whether the file holds the private key too. */
  readonly isPrivate: boolean;
}

const DIRECTORY = "/etc/ssh";
const MAX_BYTES = 64 * KiB;
/** openssh-portable, PROTOCOL.key: the public key stands in clear, whether or not there is a passphrase. */
const PRIVATE_KEY =
  /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----/;
const MAGIC = "openssh-key-v1\0";

/** SSH host keys: those of private key files first; public ones where they are of another key, or alone. */
export const sshHostKeys: Collector<SshHostKey> = {
  id: "sshHostKeys/openssh",
  *collect(look) {
    const names = [...look.list(DIRECTORY)].map(({ name }) => name);
    const known = new Set<string>();
    for (const name of names.filter((each) => /^ssh_host_.*key$/.test(each)).sort()) {
      const path = `${DIRECTORY}/${name}`;
      const key = parsePrivateKey(look.read(path, MAX_BYTES));
      // In PEM, as before OpenSSH 7.8: its .pub tells of it.
      if (key === undefined && !names.includes(`${name}.pub`)) {
        look.miss(path, notRead(path));
      }
      if (key === undefined) continue;
      known.add(key.fingerprint);
      yield { ...key, path, isPrivate: true };
    }
    for (const name of names.filter((each) => /^ssh_host_.*key\.pub$/.test(each)).sort()) {
      const path = `${DIRECTORY}/${name}`;
      const text = look.read(path, MAX_BYTES)?.toString("latin1") ?? "";
      const key = parseSshPublicKey(Buffer.from(text.split(/\s+/)[1] ?? "", "base64"));
      if (key !== undefined && !known.has(key.fingerprint))
        yield { ...key, path, isPrivate: false };
    }
  },
};

/** The public key in a private key's file. The private one is not looked at. */
function parsePrivateKey(file: Buffer | undefined): SshPublicKey | undefined {
  const body = PRIVATE_KEY.exec(file?.toString("latin1") ?? "")?.[1];
  if (body === undefined) return undefined;
  const bytes = Buffer.from(body, "base64");
  if (bytes.toString("latin1", 0, MAGIC.length) !== MAGIC) return undefined;
  // Cipher, KDF and its options, the number of keys, then the first public one.
  let at = MAGIC.length;
  for (let i = 0; i < 3; i += 1) at += 4 + (stringAt(bytes, at)?.length ?? bytes.length);
  const blob = stringAt(bytes, at + 4);
  return blob === undefined ? undefined : parseSshPublicKey(blob);
}

function notRead(path: string): CasemateError {
  return new CasemateError(
    "scan/unsupported",
    `Cannot read ${path}: it is not in OpenSSH's format and has no .pub beside it, expected one of the two.`,
  );
}
