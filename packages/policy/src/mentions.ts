import type { PolicyJson } from "./cedar.ts";
import type { CedarRequest } from "./cedar-request.ts";
import { nameOf } from "./entity-name.ts";

/** What policies speak of. */
export interface Mentions {
  /** Names of attributes, of whatever. */
  readonly attributes: ReadonlySet<string>;
  /** Entities, by `nameOf`. */
  readonly entities: ReadonlySet<string>;
  /** Whether some policy takes the context as one value, and so all that is in it. */
  readonly wholeContext: boolean;
}

/** Finds it in the policies' JSON (Cedar reference, "JSON policy format"); rather too much than too little. */
export function findMentions(policies: readonly PolicyJson[]): Mentions {
  const attributes = new Set<string>();
  const entities = new Set<string>();
  let wholeContext = false;
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if (isUid(value)) entities.add(nameOf(value));
    if (isContext(value)) wholeContext = true;
    for (const [key, part] of Object.entries(value)) {
      if ((key === "." || key === "has") && isAccess(part)) {
        for (const attribute of [part.attr].flat()) attributes.add(attribute);
        if (!isContext(part.left)) visit(part.left);
      } else visit(part);
    }
  };
  visit(policies);
  return { attributes, entities, wholeContext };
}

/**
 * The request without what the policies do not speak of, which Cedar would parse for nothing: what a policy does
 * not name it cannot look at. Its entities' parents are only ever named, for no attribute holds one.
 */
export function trimRequest(asked: CedarRequest, mentions: Mentions): CedarRequest {
  const { attributes, entities, wholeContext } = mentions;
  const trim = <Entity extends CedarRequest["entities"][number]>(entity: Entity) => ({
    uid: entity.uid,
    attrs: pick(entity.attrs, attributes),
    parents: entity.parents.filter((parent) => entities.has(nameOf(parent))),
  });
  const [principal, resource, action] = asked.entities;
  return {
    ...asked,
    context: wholeContext ? asked.context : pick(asked.context, attributes),
    entities: [trim(principal), trim(resource), trim(action)],
  };
}

function pick<Value>(
  record: Readonly<Record<string, Value>>,
  names: ReadonlySet<string>,
): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => names.has(name)));
}

function isUid(value: object): value is { readonly type: string; readonly id: string } {
  return (
    "type" in value &&
    typeof value.type === "string" &&
    "id" in value &&
    typeof value.id === "string"
  );
}

function isContext(value: unknown): boolean {
  return typeof value === "object" && value !== null && "Var" in value && value.Var === "context";
}

/** What stands behind "." and "has": an attribute, or the path of several. */
function isAccess(
  value: unknown,
): value is { readonly left: unknown; readonly attr: string | readonly string[] } {
  return typeof value === "object" && value !== null && "left" in value && "attr" in value;
}
