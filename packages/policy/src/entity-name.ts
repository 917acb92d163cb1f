import type { EntityUid } from "./cedar.ts";

/** An entity's type and id as one string, to look it up by. */
export function nameOf(entity: EntityUid): string {
  const { type, id } = "__entity" in entity ? entity.__entity : entity;
  return `${type}::${id}`;
}
