/** Follows `mmdebstrap --verbose` by what apt and dpkg print. */
export class PackageProgress {
  #total = 0;
  #done = 0;
  #detail = "";

  /** Takes a line in; true if there is something new to show. */
  see(line: string): boolean {
    const planned = /, (\d+) newly installed/.exec(line)?.[1];
    const settled = /^Setting up ([^ :]+)/.exec(line)?.[1];
    const step = /^I: (.*)/.exec(line)?.[1];
    if (planned !== undefined) this.#total += Number(planned);
    if (settled !== undefined) this.#done += 1;
    this.#detail = settled ?? step ?? this.#detail;
    return planned !== undefined || settled !== undefined || step !== undefined;
  }

  get state(): { readonly done: number; readonly total: number; readonly detail: string } {
    return { done: this.#done, total: Math.max(this.#total, this.#done), detail: this.#detail };
  }
}
