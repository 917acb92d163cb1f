/** A line of fstab(5). HOSTILE: the guest says it. */
export interface FstabEntry {
  /** What is mounted: `UUID=…`, `/dev/mapper/vg-root`, `tmpfs`. */
  readonly source: string;
  /** Where, an absolute path without `.` and `..`. */
  readonly path: string;
  readonly type: string;
  /** Options by name; those without a value have an empty one. */
  readonly options: ReadonlyMap<string, string>;
}

/** HOSTILE: nobody has more. */
const MAX_ENTRIES = 100;

/** What an fstab mounts, in its order; swap and lines that are none are passed over. */
export function parseFstab(text: string): readonly FstabEntry[] {
  const entries: FstabEntry[] = [];
  for (const line of text.split("\n")) {
    const [source = "", file = "", type = "", options = ""] = line.trim().split(/[ \t]+/);
    const path = unescapeOctal(file);
    if (source.startsWith("#") || !path.startsWith("/") || type === "swap") continue;
    if (entries.length === MAX_ENTRIES) break;
    entries.push({
      source: unescapeOctal(source).replace(/^([A-Z]+=)"(.*)"$/, "$1$2"),
      path: normalize(path),
      type,
      options: new Map(options.split(",").map(splitOption)),
    });
  }
  return entries;
}

/** Spaces, tabs, line ends and backslashes are octal (getmntent(3)). */
function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-3][0-7]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

function splitOption(option: string): readonly [name: string, value: string] {
  const at = option.indexOf("=");
  return at < 0 ? [option, ""] : [option.slice(0, at), option.slice(at + 1)];
}

function normalize(path: string): string {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return `/${names.join("/")}`;
}
