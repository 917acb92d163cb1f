import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import { Type } from "typebox";
import { findVm } from "../find-vm.ts";
import { defineSocketRoute } from "../socket-route.ts";
import { VmParams } from "./vms.ts";

export const vmConsole = defineSocketRoute({
  path: "/api/v1/vms/:vm/console",
  summary: "A VM's serial console: a WebSocket whose binary messages are its bytes",
  access: "spine",
  params: VmParams,
  query: Type.Object(
    {
      device: Type.Optional(
        Type.String({ maxLength: 32, description: "As serial1; the first unless given." }),
      ),
      force: Type.Optional(Type.Boolean({ description: "Take it from whoever uses it." })),
      request: Type.Optional(
        Type.String({ format: "uuid", description: "A request for this that was approved." }),
      ),
    },
    { additionalProperties: false },
  ),
  async open({ params, query, principal, signal }, services) {
    const { spine, facts } = services;
    const { request = randomUUID(), ...parameters } = query;
    const { target } = await findVm(services, params.vm, signal);
    const order = { id: request, operation: "vm.console", target, parameters, principal };
    await spine.submit(order, signal);
    const stream = (await spine.answer(request, principal, signal)) as Duplex; // what `vm.console` answers
    return {
      stream,
      closed: (traffic) =>
        facts.recordOutcome({
          kind: "console/closed",
          actor: principal.id,
          subject: `vm:${target.uuid}`,
          body: { request, ...traffic },
        }),
    };
  },
});
