import { type Static, Type } from "typebox";
import type { BreakGlassUse } from "../../spine/break-glass.ts";
import { asDocument, documentOf } from "../contract/document.ts";
import { defineRoute } from "../route.ts";

const nullable = Type.Union([Type.Null(), Type.String()]);

const Use = Type.Object(
  {
    id: Type.String({ format: "uuid" }),
    usedAt: Type.String({ format: "date-time" }),
    account: Type.String(),
    person: Type.String(),
    requestId: Type.String({ format: "uuid" }),
    reason: Type.String(),
    reviewedAt: nullable,
    reviewedBy: nullable,
    note: nullable,
  },
  { additionalProperties: false },
);

const UseList = documentOf("BreakGlassUseList", { items: Type.Array(Use) });
const Code = documentOf("BreakGlassCode", {
  code: Type.String({ description: "Good for one request; it is not shown again." }),
});

export const breakGlassUses = defineRoute({
  path: "/api/v1/break-glass",
  summary: "When approvals were passed by, the newest first",
  access: { action: "request.read" },
  answer: UseList,
  async handle(_call, { breakGlass }) {
    return listUses(await breakGlass.list());
  },
});

export const sealBreakGlass = defineRoute({
  method: "POST",
  path: "/api/v1/break-glass/seal",
  summary: "Make a code that passes approvals by once, in place of an unused one",
  access: { action: "breakglass.seal" },
  answer: Code,
  async handle({ principal }, { breakGlass }) {
    return asDocument("BreakGlassCode", { code: await breakGlass.seal(principal) });
  },
});

export const reviewBreakGlass = defineRoute({
  method: "POST",
  path: "/api/v1/break-glass/:use/review",
  summary: "Say what is to be said of a use of the code",
  access: { action: "breakglass.review" },
  params: Type.Object({ use: Type.String({ format: "uuid" }) }),
  body: Type.Object(
    { note: Type.String({ minLength: 1, maxLength: 2_000 }) },
    { additionalProperties: false },
  ),
  answer: UseList,
  async handle({ params, body, principal }, { breakGlass }) {
    await breakGlass.review(params.use, principal, body.note);
    return listUses(await breakGlass.list());
  },
});

function listUses(uses: readonly BreakGlassUse[]): Static<typeof UseList> {
  return asDocument("BreakGlassUseList", { items: [...uses] });
}
