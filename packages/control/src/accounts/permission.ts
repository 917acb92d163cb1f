/** What a caller may be allowed to do. Looking is divided by the class of data it reveals, and pausing for it is apart. */
export const permissions = [
  "hosts:read",
  "vms:read",
  "events:read",
  "metrics:read",
  "inspect:kernelMetadata",
  "inspect:kernelText",
  "inspect:userMemory",
  "inspect:fileContents",
  "inspect:pause",
] as const;

export type Permission = (typeof permissions)[number];

/** What each kind of token may do. */
export const scopes = {
  admin: permissions,
  reader: ["hosts:read", "vms:read", "events:read", "metrics:read"],
} as const satisfies Record<string, readonly Permission[]>;

export type Scope = keyof typeof scopes;

export function isScope(text: string): text is Scope {
  return Object.hasOwn(scopes, text);
}
