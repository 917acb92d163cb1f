/** A place in a glob: what one character must be, or a star over any number of them. */
type Place =
  | { readonly kind: "star"; fits(character: string): boolean }
  | { readonly kind: "one"; fits(character: string): boolean };

const anything = (): boolean => true;
const noSlash = (character: string): boolean => character !== "/";

/**
 * Whether a whole path fits a glob: `*`, `?`, `[a-z]`, `[!a-z]`, `\` before what is to be itself, and `**` for
 * any number of directories. With `slashes` each star goes over slashes (fnmatch(3) without FNM_PATHNAME).
 *
 * HOSTILE: the glob may be the guest's, and so may the path: it takes at most the product of their lengths.
 */
export function parseGlob(
  glob: string,
  { slashes = false }: { readonly slashes?: boolean } = {},
): (path: string) => boolean {
  const places = parsePlaces(glob, slashes);
  const first = places.findIndex(({ kind }) => kind === "star");
  const fixed = first < 0 ? places.length : first;
  return (path) => {
    if (path.length < fixed || (first < 0 && path.length > fixed)) return false;
    for (let i = 0; i < fixed; i += 1) {
      if (places[i]?.fits(path[i] ?? "") !== true) return false;
    }
    return fitsFrom(places, fixed, path);
  };
}

/** Follows all ways through the places at once. */
function fitsFrom(places: readonly Place[], from: number, path: string): boolean {
  let states = overStars(places, new Set([from]));
  for (let at = from; at < path.length && states.size > 0; at += 1) {
    const character = path[at] ?? "";
    const next = new Set<number>();
    for (const state of states) {
      const place = places[state];
      if (place?.fits(character) === true) next.add(place.kind === "star" ? state : state + 1);
    }
    states = overStars(places, next);
  }
  return states.has(places.length);
}

/** With what follows stars, which may stand for nothing. */
function overStars(places: readonly Place[], states: Set<number>): Set<number> {
  for (const state of states) if (places[state]?.kind === "star") states.add(state + 1);
  return states;
}

function parsePlaces(glob: string, slashes: boolean): readonly Place[] {
  const places: Place[] = [];
  for (let i = 0; i < glob.length; i += 1) {
    const character = glob[i] ?? "";
    const end = character === "[" ? glob.indexOf("]", i + 2) : -1;
    if (character === "*") {
      const isDeep = glob[i + 1] === "*";
      while (glob[i + 1] === "*") i += 1;
      places.push({ kind: "star", fits: slashes || isDeep ? anything : noSlash });
      // No directory is a number of them, too: `/etc/**/*.conf` has `/etc/a.conf`.
      if (isDeep && glob[i + 1] === "/") i += 1;
    } else if (character === "?") {
      places.push({ kind: "one", fits: slashes ? anything : noSlash });
    } else if (end > 0) {
      places.push({ kind: "one", fits: parseClass(glob.slice(i + 1, end)) });
      i = end;
    } else {
      if (character === "\\" && i + 1 < glob.length) i += 1;
      const wanted = glob[i] ?? "";
      places.push({ kind: "one", fits: (seen) => seen === wanted });
    }
  }
  return places;
}

/** What is between brackets: characters and ranges of them. */
function parseClass(text: string): (character: string) => boolean {
  const isNegated = /^[!^]/.test(text);
  const ranges: (readonly [from: string, to: string])[] = [];
  for (let i = isNegated ? 1 : 0; i < text.length; i += 1) {
    const from = text[i] ?? "";
    const isRange = text[i + 1] === "-" && i + 2 < text.length;
    ranges.push([from, isRange ? (text[i + 2] ?? "") : from]);
    if (isRange) i += 2;
  }
  return (character) =>
    ranges.some(([from, to]) => from <= character && character <= to) !== isNegated;
}
