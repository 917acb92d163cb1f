import type { VerifierKey } from "../notes/verifier-key.ts";

/** Somebody elsewhere who remembers how large a log was and what it held. */
export interface WitnessAddress {
  /** The submission prefix (C2SP tlog-witness): `https://witness.example/`. */
  readonly url: string;
  readonly key: VerifierKey;
}
