import { CasemateError } from "@casemate/core";

/** Where a server listens. */
export interface ListenAddress {
  /** An IP address or a host name, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:7443`, `[::1]:7443`, `:7443` (this machine only) or a host alone. Throws `usage`. */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<name>[^:[\]\s]*))(?::(?<port>\d{1,5}))?$/.exec(
    text,
  );
  const host = match?.groups?.["v6"] ?? match?.groups?.["name"];
  const port = Number(match?.groups?.["port"] ?? 7443);
  if (host === undefined || text === "" || port > 65_535) {
    throw new CasemateError(
      "usage",
      `Cannot listen on ${JSON.stringify(text)}: expected an address as 127.0.0.1:7443.`,
    );
  }
  return { host: host === "" ? "127.0.0.1" : host, port };
}
