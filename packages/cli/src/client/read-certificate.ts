import { connect } from "node:tls";
import { CasemateError } from "@casemate/core";

/** What a server shows before anybody trusts it. */
export interface ShownCertificate {
  /** PEM. */
  readonly certificate: string;
  /** SHA-256, as `AB:CD:…`. */
  readonly fingerprint: string;
}

const patience = 10_000;

/** The certificate at `url`, not verified: a person compares its fingerprint. Throws `api/unreachable`. */
export async function readCertificate(url: URL): Promise<ShownCertificate> {
  const { promise, resolve, reject } = Promise.withResolvers<ShownCertificate>();
  const socket = connect({
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || 443),
    rejectUnauthorized: false,
    timeout: patience,
  });
  socket.once("secureConnect", () => {
    const { raw, fingerprint256 } = socket.getPeerCertificate();
    const lines = raw.toString("base64").match(/.{1,64}/g) ?? [];
    const certificate = `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
    resolve({ certificate, fingerprint: fingerprint256 });
    socket.destroy();
  });
  const fail = (seen: string) =>
    reject(
      new CasemateError(
        "api/unreachable",
        `Cannot reach ${url.origin}: ${seen}, expected a running Casemate.`,
      ),
    );
  socket.once("error", ({ message }) => fail(message));
  socket.once("timeout", () => {
    socket.destroy();
    fail(`no answer within ${patience} ms`);
  });
  return await promise;
}
