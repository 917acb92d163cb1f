import type { Look } from "../look.ts";

/** The names in directories, each read once: what is asked for has mostly neither file nor directory. */
export class KnownNames {
  readonly #look: Look;
  readonly #names = new Map<string, ReadonlySet<string>>();

  constructor(look: Look) {
    this.#look = look;
  }

  /** Whether there is something at `path`, links on the way followed. */
  has(path: string): boolean {
    const end = path.lastIndexOf("/");
    return end < 0 || path === "/" || this.#in(path.slice(0, end)).has(path.slice(end + 1));
  }

  #in(directory: string): ReadonlySet<string> {
    const known = this.#names.get(directory);
    if (known !== undefined) return known;
    const names = new Set<string>();
    if (directory === "" || this.has(directory)) {
      for (const { name } of this.#look.list(directory)) names.add(name);
    }
    this.#names.set(directory, names);
    return names;
  }
}
