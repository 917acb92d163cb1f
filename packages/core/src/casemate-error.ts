import { type ErrorCode, type ErrorKind, errorCatalogue } from "./error-catalogue.ts";

/**
 * An error that a person will read: one sentence, a code of the catalogue, what to do next.
 *
 * The message has the form "Cannot ⟨verb⟩ ⟨object⟩: ⟨what was seen⟩, expected ⟨what was needed⟩."
 * and never holds a secret.
 */
export class CasemateError extends Error {
  override readonly name = "CasemateError";
  readonly code: ErrorCode;
  /** What to do next; the catalogue's unless the place that raised it knows better. */
  readonly next: string;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly next?: string } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.next = options.next ?? errorCatalogue[code].next;
  }

  get kind(): ErrorKind {
    return errorCatalogue[this.code];
  }
}

/** The error as people should see it: what is not from the catalogue becomes `internal`, with its cause kept. */
export function toCasemateError(thrown: unknown): CasemateError {
  if (thrown instanceof CasemateError) return thrown;
  const words = thrown instanceof Error ? thrown.message : String(thrown);
  return new CasemateError("internal", `Cannot go on: ${words}`, { cause: thrown });
}
