/** How many columns a terminal takes for `text`, which must be printable. */
export function textWidth(text: string): number {
  if (ascii.test(text)) return text.length;
  let width = 0;
  for (const character of text) {
    if (combining.test(character)) continue;
    width += wide.test(character) ? 2 : 1;
  }
  return width;
}

/** Most of what is ever shown; the other expressions take milliseconds to compile. */
const ascii = /^[ -~]*$/;

const combining = /^\p{M}$/u;

/** East Asian Wide and Fullwidth (unicode.org/reports/tr11), by the blocks they live in, and emoji. */
const wide =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}])$/u;
