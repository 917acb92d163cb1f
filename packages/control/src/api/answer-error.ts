import { apiVersion, CasemateError, toCasemateError } from "@casemate/core";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import type { ErrorDocument } from "./contract/error-document.ts";

/** Answers with the error as people should see it; what is not from the catalogue is only named in the log. */
export function answerError(
  thrown: FastifyError | CasemateError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const error = asCatalogued(thrown);
  if (error.code === "internal") request.log.error({ err: thrown }, "internal error");
  else request.log.info({ code: error.code }, error.message);
  const inside = error.code === "internal";
  const document: ErrorDocument = {
    apiVersion,
    kind: "Error",
    code: error.code,
    message: inside ? "Cannot answer this request: something broke inside." : error.message,
    next: inside ? "See Casemate's log for the request id." : error.next,
    requestId: request.id,
  };
  if (error.code === "auth/required") reply.header("www-authenticate", "Bearer");
  reply.code(error.kind.status).type("application/json").send(document);
}

function asCatalogued(thrown: FastifyError | CasemateError): CasemateError {
  if (thrown instanceof CasemateError) return thrown;
  // Fastify's own: a request that does not fit the schema, is too long, too slow or not JSON.
  if (thrown.statusCode !== undefined && thrown.statusCode < 500) {
    return new CasemateError("usage", `Cannot take this request: ${wordsOf(thrown)}.`, {
      cause: thrown,
      next: "Run the command with --help, or see /openapi.json for what the API takes.",
    });
  }
  return toCasemateError(thrown);
}

/** What does not fit, by its name, and what would. */
function wordsOf({ message, validation, validationContext }: FastifyError): string {
  const [first] = validation ?? [];
  if (first === undefined) return message;
  const name = first.instancePath.slice(1).replaceAll("/", ".") || validationContext;
  const { allowedValues, format } = first.params;
  if (Array.isArray(allowedValues)) return `${name} must be one of ${allowedValues.join(", ")}`;
  return format === "uuid" ? `${name} must be a whole UUID` : `${name} ${first.message}`;
}
