import type { ClientFile } from "@casemate/control";

/** TLS options: the one certificate that was pinned is trusted, under whatever name the server is reached. */
export function pinnedServer(file: ClientFile) {
  return {
    ca: file.certificate,
    allowPartialTrustChain: true,
    checkServerIdentity: () => undefined,
  };
}
