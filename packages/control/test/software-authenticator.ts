import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from "@simplewebauthn/server";

/** WebAuthn, 6.1: user present, user verified, attested credential data included. */
const flags = { present: 0x01, verified: 0x04, attested: 0x40 };

/** What an authenticator or its browser may do wrong. */
export interface Misbehaviour {
  readonly origin?: string;
  readonly rpId?: string;
  readonly unverified?: boolean;
  /** Signs with another key than it announced. */
  readonly otherKey?: boolean;
  readonly counter?: number;
}

/**
 * An authenticator with its browser, as WebAuthn level 2 describes them: one ES256 key, packed
 * self-attestation (8.2), its own counter.
 */
export class SoftwareAuthenticator {
  readonly id = randomBytes(16);
  readonly #keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  readonly #otherKeys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  #userHandle = "";
  #counter = 0;

  create(
    options: PublicKeyCredentialCreationOptionsJSON,
    {
      origin = "https://localhost:7443",
      rpId,
      unverified = false,
      otherKey = false,
    }: Misbehaviour = {},
  ): RegistrationResponseJSON {
    this.#userHandle = options.user.id;
    const clientData = clientDataOf("webauthn.create", options.challenge, origin);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(this.id.length);
    const authenticatorData = Buffer.concat([
      this.#header(rpId ?? options.rp.id ?? "", flags.attested | (unverified ? 0 : flags.verified)),
      Buffer.alloc(16), // AAGUID: none
      length,
      this.id,
      coseKey(this.#keys.publicKey),
    ]);
    const signature = this.#sign(authenticatorData, clientData, otherKey);
    // RFC 8949: {"fmt": "packed", "attStmt": {"alg": -7, "sig": …}, "authData": …}
    const attestationObject = Buffer.concat([
      Buffer.from([0xa3]),
      ...[text("fmt"), text("packed"), text("attStmt"), Buffer.from([0xa2])],
      ...[text("alg"), Buffer.from([0x26]), text("sig"), bytes(signature)],
      ...[text("authData"), bytes(authenticatorData)],
    ]);
    return {
      ...this.#credential(),
      response: {
        clientDataJSON: clientData.toString("base64url"),
        attestationObject: attestationObject.toString("base64url"),
        transports: ["internal"],
      },
    };
  }

  get(
    options: PublicKeyCredentialRequestOptionsJSON,
    misbehaviour: Misbehaviour = {},
  ): AuthenticationResponseJSON {
    const { origin = "https://localhost:7443", rpId, unverified, otherKey, counter } = misbehaviour;
    this.#counter = counter ?? this.#counter + 1;
    const clientData = clientDataOf("webauthn.get", options.challenge, origin);
    const authenticatorData = this.#header(
      rpId ?? options.rpId ?? "",
      unverified === true ? 0 : flags.verified,
    );
    const signature = this.#sign(authenticatorData, clientData, otherKey === true);
    return {
      ...this.#credential(),
      response: {
        clientDataJSON: clientData.toString("base64url"),
        authenticatorData: authenticatorData.toString("base64url"),
        signature: signature.toString("base64url"),
        userHandle: this.#userHandle,
      },
    };
  }

  #credential() {
    const id = this.id.toString("base64url");
    return { id, rawId: id, type: "public-key" as const, clientExtensionResults: {} }; // a literal type
  }

  /** WebAuthn, 6.1: hash of the relying party, flags, counter. */
  #header(rpId: string, flag: number): Buffer {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(this.#counter);
    return Buffer.concat([sha256(Buffer.from(rpId)), Buffer.from([flags.present | flag]), counter]);
  }

  #sign(authenticatorData: Buffer, clientData: Buffer, otherKey: boolean): Buffer {
    const { privateKey } = otherKey ? this.#otherKeys : this.#keys;
    return sign("sha256", Buffer.concat([authenticatorData, sha256(clientData)]), privateKey);
  }
}

function clientDataOf(type: string, challenge: string, origin: string): Buffer {
  return Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false }));
}

const sha256 = (data: Buffer) => createHash("sha256").update(data).digest();

/** RFC 9053, 7.1.1: {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}. */
function coseKey(key: KeyObject): Buffer {
  const { x = "", y = "" } = key.export({ format: "jwk" });
  return Buffer.concat([
    Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21]),
    bytes(Buffer.from(x, "base64url")),
    Buffer.from([0x22]),
    bytes(Buffer.from(y, "base64url")),
  ]);
}

/** RFC 8949, 3.1: a byte string of up to 65,535 bytes. */
function bytes(value: Buffer): Buffer {
  const head =
    value.length < 256
      ? Buffer.from([0x58, value.length])
      : Buffer.from([0x59, value.length >> 8, value.length & 0xff]);
  return Buffer.concat([head, value]);
}

/** RFC 8949, 3.1: a text of up to 23 bytes. */
function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([0x60 + value.length]), Buffer.from(value)]);
}
