import { type Static, Type } from "typebox";
import { documentOf } from "./document.ts";

/** What went wrong, as one sentence, and what to do next. */
export const ErrorDocument = documentOf("Error", {
  code: Type.String({ description: "A code of the error catalogue, as vm/unknown." }),
  message: Type.String(),
  next: Type.String({ description: "What to do next, as one sentence." }),
  requestId: Type.Optional(Type.String()),
});
export type ErrorDocument = Static<typeof ErrorDocument>;
