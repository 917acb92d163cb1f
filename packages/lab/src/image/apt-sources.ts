import { runCommand } from "../run-command.ts";

/** Where the host gets Debian from: `one-line-style` source lines without suite (sources.list(5)). */
export interface DebianMirror {
  readonly main: string;
  readonly security: string;
}

/** The mirrors of the host's own apt sources; `undefined` where it has none for Debian. */
export async function readDebianMirror(signal?: AbortSignal): Promise<DebianMirror | undefined> {
  const format = "$(ORIGIN) $(LABEL) $(COMPONENT) $(SITE)";
  const targets = await runCommand("apt-get", ["indextargets", "--format", format], {}, signal);
  return parseDebianMirror(targets);
}

export function parseDebianMirror(targets: string): DebianMirror | undefined {
  const site = (label: string) =>
    targets
      .split("\n")
      .find((line) => line.startsWith(`Debian ${label} main `))
      ?.split(" ")
      .at(3);
  const main = site("Debian");
  const security = site("Debian-Security");
  return main === undefined || security === undefined ? undefined : { main, security };
}

/**
 * Source lines for a suite with its updates and security updates, as Debian names them since 11;
 * `experimental` has only some packages and takes all others from sid.
 */
export function sourceLines(mirror: DebianMirror, suite: string): string {
  const release = [`deb ${mirror.main} ${suite} main`];
  if (suite === "sid") return `${release}\n`;
  if (suite === "experimental") return `${sourceLines(mirror, "sid")}${release}\n`;
  return `${[
    ...release,
    `deb ${mirror.main} ${suite}-updates main`,
    `deb ${mirror.security} ${suite}-security main`,
  ].join("\n")}\n`;
}
