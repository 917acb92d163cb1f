import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { storageError } from "../../store/storage-error.ts";
import type { Channel } from "./channel.ts";
import { readOutwardConfig, readSecret } from "./outward-config.ts";
import { parseSyslogAddress, syslog } from "./syslog.ts";
import { webhook } from "./webhook.ts";

/** The channels that `notify.json` in `directory` names. Throws `config/invalid`, `data/not-writable`. */
export async function openChannels(
  directory: string,
  version: string,
): Promise<readonly Channel[]> {
  const { webhooks = [], syslog: servers = [] } = await readOutwardConfig(directory);
  return [
    ...(await Promise.all(
      webhooks.map(async ({ name, url, secretFile, least = "low" }) =>
        webhook({ name, url, least, version, secret: await readSecret(directory, secretFile) }),
      ),
    )),
    ...(await Promise.all(
      servers.map(async ({ name, address, caFile, least = "low" }) =>
        syslog({
          ...{ name, least, address: parseSyslogAddress(address) },
          authorities: caFile === undefined ? undefined : await readText(directory, caFile),
        }),
      ),
    )),
  ];
}

async function readText(directory: string, file: string): Promise<string> {
  const path = isAbsolute(file) ? file : join(directory, file);
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    throw storageError(thrown, path);
  }
}
