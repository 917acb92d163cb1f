/** The members of a JSON object, values not yet looked at. */
export type Members = Readonly<Record<string, unknown>>;

/** Longer than any id, name or version that is meant. */
const MAX_CHARACTERS = 1024;

/** The members of a value that is an object; none of any other. */
export function membersOf(value: unknown): Members {
  // An object's own values are looked at one by one; JSON has no other members.
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Members)
    : {};
}

/** The items of a value that is an array; none of any other. */
export function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A value that is a text of sensible length. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" && value.length <= MAX_CHARACTERS
    ? value
    : undefined;
}
