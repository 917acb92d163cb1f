import type { JsonObject, JsonValue } from "@casemate/core";

// What rules of nftables are made of, in nft's JSON (libnftables-json(5)).

export const accept: JsonObject = { accept: null };
export const drop: JsonObject = { drop: null };

export function match(op: "==" | "!=", left: JsonValue, right: JsonValue): JsonObject {
  return { match: { op, left, right } };
}

export function payload(protocol: string, field: string): JsonObject {
  return { payload: { protocol, field } };
}

/** A SYN without ACK opens a connection. */
export const opensNoConnection: JsonObject = match(
  "!=",
  { "&": [payload("tcp", "flags"), ["syn", "ack"]] },
  "syn",
);
