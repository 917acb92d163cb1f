import { X509Certificate } from "node:crypto";
import type { ClientFile } from "@casemate/control";
import { toCasemateError } from "@casemate/core";
import type { Environment } from "../environment.ts";
import { type ControlClient, controlClient } from "./control-client.ts";
import { readClientFile } from "./read-client-file.ts";
import { readSessionFile } from "./session-file.ts";

/**
 * The control plane that this user is logged in to; else the one that runs on this machine, as whoever runs it.
 * A data directory that is named is meant: a session at another control plane does not take its place.
 *
 * Throws `api/unreachable`, `system/not-permitted`, `data/damaged`.
 */
export async function openClient(
  environment: Environment,
  { data }: { readonly data?: string | undefined },
): Promise<ControlClient> {
  const session = await readSessionFile(environment.sessionFile);
  if (session === undefined) {
    return controlClient(await readClientFile(data ?? environment.dataDirectory));
  }
  return controlClient(data === undefined ? session : await chooseFor(data, session));
}

/** The session where it is one at the control plane of `directory`, or all that this user has. */
async function chooseFor(directory: string, session: ClientFile): Promise<ClientFile> {
  try {
    const local = await readClientFile(directory);
    return isSameServer(local, session) ? session : local;
  } catch (thrown) {
    // Whoever may not read the directory cannot tell; the certificate is verified all the same.
    if (toCasemateError(thrown).code === "system/not-permitted") return session;
    throw thrown;
  }
}

/** Compared as certificates: the same one can be written as PEM in more than one way. */
function isSameServer(one: ClientFile, other: ClientFile): boolean {
  const [first, second] = [one, other].map(readFingerprint);
  return first !== undefined && first === second;
}

function readFingerprint({ certificate }: ClientFile): string | undefined {
  try {
    return new X509Certificate(certificate).fingerprint256;
  } catch {
    return undefined; // it is nobody's
  }
}
