/** An entry of GRUB's menu, or a submenu. HOSTILE: the guest wrote it. */
export interface GrubEntry {
  readonly title: string;
  readonly id: string | undefined;
  /** The kernel that it boots; none in a submenu, and where it boots something else. */
  image?: string;
  readonly entries: GrubEntry[];
}

/** A grub.cfg as `grub-mkconfig` writes it: what the default is, and the menu. */
export interface GrubMenu {
  /** `0`, `1>2`, a title, an id, or `${saved_entry}`; of the last line that sets it for good. */
  readonly fallback: string | undefined;
  readonly entries: readonly GrubEntry[];
}

/** HOSTILE: submenus in submenus. */
const MAX_DEPTH = 16;

/** Reads the menu line by line: each `{` and `}` of an entry ends or begins one, as grub-mkconfig writes. */
export function parseGrubMenu(text: string): GrubMenu {
  const entries: GrubEntry[] = [];
  /** What each open brace is of: an entry, or something else, as an `if` or a function. */
  const open: (GrubEntry | undefined)[] = [];
  let fallback: string | undefined;
  for (const line of text.split("\n")) {
    const words = line.trim();
    const [, value] = /^set default="?([^"]*)"?$/.exec(words) ?? [];
    // next_entry is for one boot only.
    if (value !== undefined && !value.includes("next_entry")) fallback = value;
    if (words.startsWith("#")) continue;
    if (words === "}") {
      open.pop();
      continue;
    }
    const around = open.findLast((each) => each !== undefined);
    if (/^(?:menuentry|submenu)\s/.test(words) && words.endsWith("{")) {
      const entry = parseEntry(words);
      const isTooDeep = open.length > MAX_DEPTH;
      if (!isTooDeep) (around?.entries ?? entries).push(entry);
      open.push(isTooDeep ? undefined : entry);
      continue;
    }
    if (words.endsWith("{")) open.push(undefined);
    const [, image] = /^linux(?:efi|16)?\s+(?:\([^)]*\))?(\S+)/.exec(words) ?? [];
    if (image !== undefined && around !== undefined) around.image ??= image;
  }
  return { fallback, entries };
}

/** The kernel of the menu's default; `saved` is what grubenv has in its place. */
export function findGrubDefault(
  { fallback = "0", entries }: GrubMenu,
  saved: string | undefined,
): string | undefined {
  const wanted = fallback.includes("saved_entry") ? (saved ?? "0") : fallback;
  let among: readonly GrubEntry[] = entries;
  let found: GrubEntry | undefined;
  for (const name of wanted.split(">")) {
    found = among.find(({ title, id }) => title === name || id === name);
    if (found === undefined && /^\d+$/.test(name)) found = among[Number(name)];
    // GRUB takes the first where there is none of the name.
    found ??= among[0];
    among = found?.entries ?? [];
  }
  while (found !== undefined && found.entries.length > 0) found = found.entries[0];
  return found?.image;
}

/** `menuentry 'TITLE' --class x $menuentry_id_option 'ID' {`. */
function parseEntry(line: string): GrubEntry {
  const [, title = ""] = /^\w+\s+(?:'([^']*)'|"[^"]*"|\S+)/.exec(line) ?? [];
  const quoted = /^\w+\s+"([^"]*)"/.exec(line)?.[1];
  const id = /(?:\$menuentry_id_option|--id)[ =]+(?:'([^']*)'|(\S+))/.exec(line);
  return { title: quoted ?? title, id: id?.[1] ?? id?.[2], entries: [] };
}
