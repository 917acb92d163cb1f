import type { GuestEditor } from "./guest-editor.ts";

/** `make`, done once for each guest, when it is first asked for. */
export function once<Value>(
  make: (guest: GuestEditor) => Promise<Value>,
): (guest: GuestEditor) => Promise<Value> {
  const made = new WeakMap<GuestEditor, Promise<Value>>();
  return (guest) => {
    const value = made.get(guest) ?? make(guest);
    made.set(guest, value);
    return value;
  };
}
