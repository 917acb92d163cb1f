import { CasemateError, type JsonObject } from "@casemate/core";
import { Compile } from "typebox/compile";
import type { Operation } from "./operation.ts";

/** The parameters, if they are what the operation takes. Throws `usage`. */
export function validParameters({ id, parameters: schema }: Operation, value: unknown): JsonObject {
  const validator = Compile(schema);
  if (validator.Check(value)) return value as JsonObject; // an object of JSON, as the schema says
  const [first] = validator.Errors(value);
  const where = first === undefined ? "" : ` ${first.instancePath.slice(1)} ${first.message}`;
  throw new CasemateError("usage", `Cannot do ${id}: its parameters are not right:${where}.`);
}
