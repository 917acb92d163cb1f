/**
 * Text that may go to a terminal: what would steer it (control characters, changes of writing
 * direction, invisible characters, halves of surrogate pairs) is shown as `\u{…}`.
 *
 * HOSTILE: names and command lines come from guests.
 */
export function printable(text: string): string {
  if (ascii.test(text)) return text;
  return text.replaceAll(steering, (character) => {
    const point = character.codePointAt(0) ?? 0;
    return `\\u{${point.toString(16)}}`;
  });
}

/** Most of what is ever shown; the other expression takes milliseconds to compile. */
const ascii = /^[ -~]*$/;

// General categories (unicode.org/reports/tr44): Cc control, Cf format, Cs surrogate, Co private use,
// Zl and Zp line and paragraph separators.
const steering = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;
