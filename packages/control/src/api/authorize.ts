import { CasemateError } from "@casemate/core";
import type { Resource } from "@casemate/policy";
import type { FastifyRequest } from "fastify";
import { type Principal, principalOf } from "../accounts/principal.ts";
import type { Services } from "../services.ts";
import { resourceOf } from "../spine/gate.ts";
import { findVm } from "./find-vm.ts";
import { resourceOfFinding } from "./resource-of-finding.ts";
import type { Access } from "./route.ts";

/** Who calls a public route. */
const anybody: Principal = principalOf({
  account: "anybody",
  person: "anybody",
  roles: [],
  mfa: false,
  method: "token",
  scopes: [],
  credential: "none",
});

/**
 * Who the request's `Authorization` header says is calling, if they may.
 *
 * Throws `auth/required` without a valid token, `auth/denied` when the policy does not permit it, and
 * `vm/unknown` where it is about a VM that is not there.
 */
export async function authorize(
  request: FastifyRequest,
  access: Access,
  services: Services,
): Promise<Principal> {
  if (access === "public") return anybody;
  const { authorization } = request.headers;
  const token = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(authorization ?? "")?.[1];
  const principal = token === undefined ? undefined : await services.people.authenticate(token);
  if (principal === undefined) {
    throw new CasemateError(
      "auth/required",
      `Cannot answer this request: ${token === undefined ? "it carries no token" : "its token is not known or has expired"}.`,
    );
  }
  if (typeof access === "object") {
    const resource = await resourceAt(request, services);
    services.gate.verify({ principal, actions: [access.action], resource });
  }
  return principal;
}

/** The VM that `:vm` of the path names, or that `:finding` is about; the system where there is none. */
async function resourceAt({ params }: FastifyRequest, services: Services): Promise<Resource> {
  const { vm, finding } = Object(params);
  if (typeof finding === "string") {
    return await resourceOfFinding(services, await services.findings.get(finding));
  }
  if (typeof vm !== "string") return { kind: "system" };
  const { host, target } = await findVm(services, vm);
  return await resourceOf(target, host);
}
