/** Bytes of a file's name (NAME_MAX of Linux). */
const maxNameBytes = 255;

/** Whether a name that a package states is a file's alone, so that it leads nowhere else. HOSTILE: its author chose it. */
export function isPlainName(name: string): boolean {
  return (
    name !== "" &&
    name !== "." &&
    name !== ".." &&
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    !/[/\\\x00-\x1f\x7f]/.test(name) &&
    Buffer.byteLength(name) <= maxNameBytes
  );
}
