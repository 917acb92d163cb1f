import { CasemateError } from "@casemate/core";
import { Type } from "typebox";
import { judgeLaunch } from "../../watch/judge-launch.ts";
import { asDocument, documentOf } from "../contract/document.ts";
import { defineRoute } from "../route.ts";

const Names = Type.Array(Type.String({ maxLength: 255 }), { maxItems: 256 });

/** libvirt's hook asks here, from this machine alone. */
export const hook = defineRoute({
  method: "POST",
  path: "/api/v1/hook",
  summary: "Whether libvirt may start or receive this VM",
  access: "signed-in",
  body: Type.Object(
    {
      action: Type.Union([Type.Literal("libvirt.start"), Type.Literal("libvirt.receive")]),
      uuid: Type.String({ format: "uuid" }),
      name: Type.String({ minLength: 1, maxLength: 255 }),
      labels: Names,
      networks: Names,
    },
    { additionalProperties: false },
  ),
  answer: documentOf("LaunchJudgement", {
    permitted: Type.Boolean(),
    because: Type.Optional(Type.String()),
  }),
  async handle({ body, principal }, { gate, spine, facts, hosts, world }) {
    if (principal.method !== "local") {
      throw new CasemateError(
        "auth/denied",
        `Cannot judge a launch for ${principal.account}: only libvirt's hook on this machine asks.`,
      );
    }
    const [host] = hosts.values();
    const parts = { gate, facts, world, runner: spine.runner };
    return asDocument("LaunchJudgement", await judgeLaunch(body, host, parts));
  },
});
