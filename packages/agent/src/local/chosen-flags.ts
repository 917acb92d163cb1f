/** The names whose value is true. */
export function chosenFlags<F extends string>(flags: Readonly<Record<F, boolean>>): F[] {
  const names = Object.keys(flags) as F[]; // Object.keys forgets what the type knows
  return names.filter((name) => flags[name]);
}
