import { CasemateError, KiB } from "@casemate/core";
import type { Collector } from "../collector.ts";
import { parsePrivateKey } from "../secrets/private-key.ts";
import { parseSshPublicKey, type SshPublicKey } from "./ssh-public-key.ts";

/** A key that a machine's SSH server proves itself by. */
export interface SshHostKey extends SshPublicKey {
  readonly path: string;
  /** Whether the file holds the private key too. */
  readonly isPrivate: boolean;
}

const DIRECTORY = "/etc/ssh";
const MAX_BYTES = 64 * KiB;

/** SSH host keys: those of private key files first; public ones where they are of another key, or alone. */
export const sshHostKeys: Collector<SshHostKey> = {
  id: "sshHostKeys/openssh",
  *collect(look) {
    const names = [...look.list(DIRECTORY)].map(({ name }) => name);
    const known = new Set<string>();
    for (const name of names.filter((each) => /^ssh_host_.*key$/.test(each)).sort()) {
      const path = `${DIRECTORY}/${name}`;
      const text = look.read(path, MAX_BYTES)?.toString("latin1") ?? "";
      const key = parsePrivateKey(text, Math.max(0, text.indexOf("-----BEGIN ")))?.key.publicKey;
      // Under a passphrase in PEM, as before OpenSSH 7.8: its .pub tells of it.
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

function notRead(path: string): CasemateError {
  return new CasemateError(
    "scan/unsupported",
    `Cannot read ${path}: it does not tell its public key and has no .pub beside it, expected one of the two.`,
  );
}
