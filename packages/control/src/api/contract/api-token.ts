import { type Static, Type } from "typebox";
import { tokenDays } from "../../accounts/api-tokens.ts";
import { scopePattern } from "../../accounts/scope.ts";
import { documentOf } from "./document.ts";

const Time = Type.String({ format: "date-time" });

const Scopes = Type.Union([
  Type.Literal("all"),
  Type.Array(Type.String({ pattern: scopePattern, maxLength: 64 }), {
    minItems: 1,
    maxItems: 64,
    description: "Actions (vm.start), actions below a name (vm.inspect), groups of actions (read).",
  }),
]);

/** A token to be issued. */
export const ApiTokenDraft = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 64 }),
    scopes: Scopes,
    days: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: tokenDays.most,
        description: `How long it lasts (default ${tokenDays.standard}).`,
      }),
    ),
  },
  { additionalProperties: false },
);

const fields = {
  id: Type.String(),
  account: Type.String(),
  name: Type.String(),
  scopes: Scopes,
  createdAt: Time,
  expiresAt: Time,
  lastUsedAt: Type.Optional(Time),
};

/** A token that was just issued: its text is seen this once. */
export const NewApiToken = documentOf("NewApiToken", { ...fields, token: Type.String() });
export type NewApiToken = Static<typeof NewApiToken>;

export const ApiTokenList = documentOf("ApiTokenList", {
  items: Type.Array(Type.Object(fields, { additionalProperties: false })),
});
export type ApiTokenList = Static<typeof ApiTokenList>;
