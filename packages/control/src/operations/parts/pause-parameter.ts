import { pauseLimit } from "@casemate/agent";
import { Type } from "typebox";

/** What a guarded pause is asked for with; `description` says what for. */
export const pauseParameter = (description: string) =>
  Type.Object(
    {
      limit: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: pauseLimit.most,
          description: `How long the VM may stand still, in milliseconds (default ${pauseLimit.standard}).`,
        }),
      ),
    },
    { additionalProperties: false, description },
  );
