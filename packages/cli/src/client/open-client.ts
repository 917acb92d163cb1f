import type { Environment } from "../environment.ts";
import { type ControlClient, controlClient } from "./control-client.ts";
import { readClientFile } from "./read-client-file.ts";
import { readSessionFile } from "./session-file.ts";

/**
 * The control plane that this user is logged in to; else the one that runs on this machine, as whoever runs it.
 *
 * Throws `api/unreachable`, `system/not-permitted`, `data/damaged`.
 */
export async function openClient(
  environment: Environment,
  options: { readonly data?: string | undefined },
): Promise<ControlClient> {
  const session = await readSessionFile(environment.sessionFile);
  const { data = environment.dataDirectory } = options;
  return controlClient(session ?? (await readClientFile(data)));
}
