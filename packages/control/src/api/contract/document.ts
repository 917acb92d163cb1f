import { apiVersion } from "@casemate/core";
import { type TSchema, Type } from "typebox";

/** A JSON document of `kind`: what the API answers and what `--json` prints. */
export function documentOf<Kind extends string, Fields extends Record<string, TSchema>>(
  kind: Kind,
  fields: Fields,
) {
  return Type.Object(
    { apiVersion: Type.Literal(apiVersion), kind: Type.Literal(kind), ...fields },
    { additionalProperties: false, title: kind },
  );
}

/** A value of such a document. */
export function asDocument<Kind extends string, Fields extends object>(
  kind: Kind,
  fields: Fields,
): Fields & { apiVersion: typeof apiVersion; kind: Kind } {
  return { apiVersion, kind, ...fields };
}
