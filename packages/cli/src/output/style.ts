/** Colour, where the terminal shows it and nobody objects; else the text as it is. */
export interface Style {
  strong(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  faint(text: string): string;
}

/** ECMA-48, 8.3.117: select graphic rendition. */
const rendition = (on: number, off: number) => (text: string) =>
  `\u001b[${on}m${text}\u001b[${off}m`;

const same = (text: string) => text;

export function styleFor(colour: boolean): Style {
  if (!colour) return { strong: same, good: same, bad: same, faint: same };
  return {
    strong: rendition(1, 22),
    good: rendition(32, 39),
    bad: rendition(31, 39),
    faint: rendition(2, 22),
  };
}
