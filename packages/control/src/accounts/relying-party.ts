/** Where browsers meet Casemate: what passkeys are bound to (WebAuthn, 4: relying party). */
export interface RelyingParty {
  /** A domain, as `localhost`. */
  readonly id: string;
  /** As `https://localhost:7443`. */
  readonly origins: readonly string[];
}

/**
 * The relying party of a server at `url`. An address is no domain (WebAuthn, 5.1.2): on this machine it is
 * `localhost`, which the server's certificate names too.
 */
export function relyingPartyAt(url: string): RelyingParty {
  const { hostname, port } = new URL(url);
  const isName = !hostname.startsWith("[") && !/^[\d.]+$/.test(hostname);
  const id = isName ? hostname : "localhost";
  return { id, origins: [`https://${id}${port === "" ? "" : `:${port}`}`] };
}
