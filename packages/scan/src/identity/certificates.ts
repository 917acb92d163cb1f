import { X509Certificate } from "node:crypto";
import { CasemateError, KiB, MiB } from "@casemate/core";
import { readBytes } from "@casemate/formats/disk";
import type { VisitedFile, Visitor } from "../visitor.ts";

/** An X.509 certificate. HOSTILE: whoever made it says it. */
export interface Certificate {
  readonly path: string;
  /** As OpenSSL prints it, on one line. */
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  /** ISO 8601. */
  readonly notBefore: string;
  readonly notAfter: string;
  /** Of the whole certificate, as `openssl x509 -fingerprint -sha256` prints it. */
  readonly sha256: string;
  readonly isAuthority: boolean;
  readonly altNames?: string;
}

const MAX_BYTES = MiB;
/** HOSTILE: bundles of all authorities have 150. */
const MAX_IN_FILE = 1_000;
const MAX_DER = 64 * KiB;

const NAMED = /\.(?:pem|crt|cer|cert|der)$/i;
/**
 * What distributions trust: a hundred authorities, the same on each system. Those that were added have their
 * own places, which are looked at.
 */
const TRUSTED =
  /^\/(?:usr\/share\/(?:ca-certificates|pki)\/|etc\/ssl\/certs\/ca-certificates\.crt$|etc\/ssl\/cert\.pem$|etc\/(?:pki|ca-certificates)\/(?:ca-trust\/)?extracted\/|.*\/(?:certifi|pip\/_vendor\/certifi)\/cacert\.pem$)/;
const PEM =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** Certificates in files named as such, PEM or DER. */
export const certificates: Visitor<Certificate> = {
  id: "certificates/x509",
  wants(path, { type, size }) {
    const isWanted = type === "file" && size > 0 && size <= MAX_BYTES && NAMED.test(path);
    return isWanted && !TRUSTED.test(path) ? "contents" : "nothing";
  },
  *visit(file) {
    let count = 0;
    for (const der of walkCertificates(file)) {
      count += 1;
      if (count > MAX_IN_FILE) return;
      yield describe(parse(der, file.path), file.path);
    }
  },
};

function* walkCertificates(file: VisitedFile): Generator<Buffer> {
  const contents = file.contents();
  // A SEQUENCE with its length in two bytes, as every certificate in DER begins.
  const [tag, length] = file.head(2);
  if (tag === 0x30 && length === 0x82 && contents.size <= MAX_DER) {
    yield readBytes(contents, 0, contents.size, file.path);
    return;
  }
  const text = readBytes(contents, 0, contents.size, file.path).toString("latin1");
  for (const [, base64 = ""] of text.matchAll(PEM)) yield Buffer.from(base64, "base64");
}

function parse(der: Buffer, path: string): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw new CasemateError(
      "scan/damaged",
      `Cannot read a certificate of ${path}: OpenSSL refuses it, expected X.509 in DER.`,
      { cause },
    );
  }
}

function describe(certificate: X509Certificate, path: string): Certificate {
  const { subject, issuer, serialNumber, subjectAltName } = certificate;
  return {
    path,
    subject: onOneLine(subject),
    issuer: onOneLine(issuer),
    serial: serialNumber,
    notBefore: certificate.validFromDate.toISOString(),
    notAfter: certificate.validToDate.toISOString(),
    sha256: certificate.fingerprint256,
    isAuthority: certificate.ca,
    ...(subjectAltName === undefined ? {} : { altNames: subjectAltName }),
  };
}

const onOneLine = (name: string | undefined): string => (name ?? "").split("\n").join(", ");
