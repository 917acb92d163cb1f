/** Letters of taint flags by bit, as the kernel prints them (Documentation/admin-guide/tainted-kernels.rst). */
const LETTERS = "PFSRMBUDAWCIOELKXTNJ";

/** The letters for the bits that are set in `mask`; `?` of those that stand for nothing known. */
export function taintFlags(mask: number): string {
  let letters = "";
  for (let bit = 0; bit < 32; bit += 1) {
    if (((mask >>> bit) & 1) !== 0) letters += LETTERS[bit] ?? "?";
  }
  return letters;
}
