import { actions, type ResourceKind } from "./actions.ts";
import { type AuthorizationRequest, dataClasses, sources } from "./authorization-request.ts";
import { roles } from "./roles.ts";

const kindsOf: ReadonlyMap<string, readonly ResourceKind[]> = new Map(
  actions.map(({ id, on }) => [id, on]),
);

/** What of a request no schema would take though its type does, as the sentence of its denial. */
export function findMistake(request: AuthorizationRequest): string | undefined {
  const { principal, action, resource, context } = request;
  const kinds = kindsOf.get(action);
  if (kinds === undefined) return sentence(`there is no action ${action}`);
  if (!kinds.includes(resource.kind))
    return sentence(`${action} is not done to a ${resource.kind}`);
  const stranger =
    principal.roles.find((role) => !roles.includes(role)) ??
    context.approvals.find(({ role }) => !roles.includes(role))?.role;
  if (stranger !== undefined) return sentence(`there is no role ${stranger}`);
  if (!sources.includes(context.source)) return sentence(`there is no source ${context.source}`);
  const known: readonly string[] = dataClasses;
  const unknown = context.dataClasses.find((each) => !known.includes(each));
  if (unknown !== undefined) return sentence(`there is no class of data ${unknown}`);
  const bytes = context.plan?.diskBytes ?? 0;
  if (!Number.isSafeInteger(bytes)) return sentence(`${bytes} is no number of bytes`);
  return undefined;
}

const sentence = (what: string) => `It could not be decided: ${what}.`;
