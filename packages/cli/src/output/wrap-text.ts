import { textWidth } from "./text-width.ts";

/**
 * Text in lines of at most `width` columns of a terminal: broken after a space or a `/` where there is one, else
 * anywhere. Nothing of it but spaces at a line's end is left out.
 */
export function wrapText(text: string, width: number): readonly string[] {
  if (textWidth(text) <= width) return [text];
  const lines: string[] = [];
  let line = "";
  let used = 0;
  let breakAt = 0;
  for (const character of text) {
    const more = textWidth(character);
    if (line !== "" && used + more > width) {
      const end = breakAt > 0 ? breakAt : line.length;
      lines.push(line.slice(0, end).trimEnd());
      line = line.slice(end);
      used = textWidth(line);
      breakAt = 0;
    }
    line += character;
    used += more;
    if (character === " " || character === "/") breakAt = line.length;
  }
  return [...lines, line];
}
