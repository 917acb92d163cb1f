import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { storageError } from "../store/storage-error.ts";

/** What the API proves itself with: PEM texts, and the SHA-256 of the certificate that people compare. */
export interface ServerCertificate {
  readonly certificate: string;
  readonly key: string;
  /** As OpenSSL and browsers print it: `AB:CD:…`. */
  readonly fingerprint: string;
}

const day = 24 * 60 * 60 * 1000;
const lifetime = 365 * day;
const renewBefore = 30 * day;

/**
 * Reads the certificate in `directory`, or makes a new one where there is none, it ends within 30 days,
 * or it does not name this machine. The key never leaves mode 600.
 *
 * Throws `data/not-writable`, `disk/full`.
 */
export async function openCertificate(directory: string): Promise<ServerCertificate> {
  const certificatePath = join(directory, "tls.crt");
  const keyPath = join(directory, "tls.key");
  const kept = await readKept(certificatePath, keyPath);
  if (kept !== undefined) return kept;
  const made = await makeCertificate();
  try {
    // The key goes first: a crash in between leaves a pair that does not match, which is replaced.
    await writeWhole(keyPath, made.key, 0o600);
    await writeWhole(certificatePath, made.certificate, 0o644);
  } catch (thrown) {
    throw storageError(thrown, directory);
  }
  return made;
}

async function readKept(
  certificatePath: string,
  keyPath: string,
): Promise<ServerCertificate | undefined> {
  let certificate: string;
  let key: string;
  try {
    certificate = await readFile(certificatePath, "utf8");
    key = await readFile(keyPath, "utf8");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw storageError(thrown, keyPath);
  }
  return isFit(certificate, key)
    ? { certificate, key, fingerprint: new X509Certificate(certificate).fingerprint256 }
    : undefined;
}

function isFit(certificate: string, key: string): boolean {
  try {
    const parsed = new X509Certificate(certificate);
    return (
      parsed.validToDate.getTime() - Date.now() > renewBefore &&
      parsed.checkHost(hostname()) !== undefined &&
      parsed.checkPrivateKey(createPrivateKey(key))
    );
  } catch {
    return false; // not a certificate and its key: a new pair takes their place
  }
}

async function makeCertificate(): Promise<ServerCertificate> {
  // tsyringe, below @peculiar/x509, needs the metadata polyfill to be there first.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const { subtle } = globalThis.crypto;
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const now = Date.now();
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=Casemate",
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(now - day), // clocks of clients may be behind
    notAfter: new Date(now + lifetime),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: "dns", value: "localhost" },
        { type: "dns", value: hostname() },
        { type: "ip", value: "127.0.0.1" },
        { type: "ip", value: "::1" },
      ]),
    ],
  });
  const certificate = `${made.toString("pem")}\n`;
  const pkcs8 = Buffer.from(await subtle.exportKey("pkcs8", keys.privateKey));
  const key = `${x509.PemConverter.encode(pkcs8, "PRIVATE KEY")}\n`;
  return { certificate, key, fingerprint: new X509Certificate(certificate).fingerprint256 };
}

/** All or nothing: readers see the old file or the new one. */
async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  await writeFile(`${path}.new`, text, { mode, flush: true });
  await rename(`${path}.new`, path);
}
