import { feedError } from "../feed-error.ts";

/** Debian's largest have 300 KiB. */
export const MAX_RELEASE_BYTES = 16 * 1024 * 1024;

/**
 * The text that an `InRelease` file signs (OpenPGP, RFC 9580, 7 "Cleartext Signature Framework"), once a key of
 * the keyrings (binary or armored) has signed it; what stands around the signed text is left out.
 *
 * HOSTILE: whoever serves the archive. Throws `feed/malformed`, `feed/untrusted`.
 */
export async function verifyInRelease(
  bytes: Buffer,
  keyrings: readonly Buffer[],
  now: Date,
): Promise<string> {
  // Loaded when it is needed: it costs a command that reads no archive 30 ms.
  const openpgp = await import("openpgp");
  const readKeys = async (keyring: Buffer) =>
    keyring.subarray(0, 5).toString("latin1") === "-----"
      ? openpgp.readKeys({ armoredKeys: keyring.toString("latin1") })
      : openpgp.readKeys({ binaryKeys: keyring });
  const message = await parse("an InRelease file", "a signed text", () =>
    openpgp.readCleartextMessage({ cleartextMessage: bytes.toString("utf8") }),
  );
  const verificationKeys = await parse("a keyring", "OpenPGP public keys", async () =>
    (await Promise.all(keyrings.map(readKeys))).flat(),
  );
  const { signatures } = await openpgp.verify({ message, verificationKeys, date: now });
  const verified = await Promise.allSettled(signatures.map((signature) => signature.verified));
  if (verified.some(({ status }) => status === "fulfilled")) return message.getText();
  const reasons = verified.map((result) =>
    result.status === "rejected" ? String(Object(result.reason).message).slice(0, 200) : "",
  );
  throw feedError("feed/untrusted", "verify an InRelease file", {
    seen: reasons.length === 0 ? "nobody signed it" : reasons.join("; "),
    needed: "the signature of a key in the keyring",
  });
}

async function parse<T>(what: string, needed: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw feedError("feed/malformed", `read ${what}`, { seen: "it is damaged", needed, cause });
  }
}
