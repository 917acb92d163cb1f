import { spawn } from "node:child_process";
import { CasemateError } from "@casemate/core";

/** Bytes of address space, and seconds of CPU, that reading a header may take. */
const headerLimits = ["--as=1073741824", "--cpu=20"] as const;

/** Ends with this process, and gets no rights from anywhere. */
const userConfined = ["setpriv", "--pdeathsig", "KILL", "--no-new-privs", "--"] as const;

/** Without network, and with root's one right to open the files of QEMU's user. */
const rootConfined = [
  ...["unshare", "--net", "--", "setpriv", "--pdeathsig", "KILL", "--no-new-privs"],
  ...["--bounding-set=-all,+dac_override", "--inh-caps=-all", "--"],
] as const;

/** Characters that qemu-img may say. */
const maxOutput = 4 * 1024 * 1024;

/** The path by which qemu-img opens what it inherited: the file itself may have no name. */
export const inheritedFile = "/proc/self/fd/3";

export interface QemuImgOptions {
  readonly doing: string;
  /** Whether it only reads a header, so that it needs little. */
  readonly header?: boolean;
  /** An open file that the command has as `inheritedFile`. */
  readonly inherited?: number;
  /** Called with percents, 0 to 100, where the command tells them (`-p`). */
  readonly onPercent?: (percent: number) => void;
}

/**
 * Runs qemu-img without capabilities, without network, killed by the signal and with this process, and
 * answers what it printed.
 *
 * HOSTILE: images it reads are anybody's; the caller has made sure that their headers name no other file.
 * Throws `system/missing`, `disk/full`, `image/unreadable` with its last words, `cancelled`.
 */
export async function runQemuImg(
  args: readonly string[],
  options: QemuImgOptions,
  signal?: AbortSignal,
): Promise<string> {
  const { doing } = options;
  const cancelled = (): CasemateError =>
    new CasemateError("cancelled", `Cannot ${doing}: it was cancelled.`, { cause: signal?.reason });
  if (signal?.aborted) throw cancelled();
  const [file, ...before] = process.getuid?.() === 0 ? rootConfined : userConfined;
  const confined = [
    ...before,
    ...(options.header === true ? ["prlimit", ...headerLimits, "--"] : []),
    ...["qemu-img", ...args],
  ];
  const child = spawn(file, confined, {
    stdio: ["ignore", "pipe", "pipe", options.inherited ?? "ignore"],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
    detached: true, // Ctrl-C is for this process, which then cancels what it started.
  });
  const kill = (): void => void child.kill("SIGKILL");
  signal?.addEventListener("abort", kill, { once: true });
  try {
    let output = "";
    let said = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      if (options.onPercent === undefined) output += text;
      for (const [, percent] of text.matchAll(/\((\d+(?:\.\d+)?)\/100%\)/g)) {
        options.onPercent?.(Number(percent));
      }
      if (output.length > maxOutput) kill();
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-2000);
    });
    const status = await new Promise<number | string>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, by) => resolve(code ?? by ?? "nothing"));
    });
    if (signal?.aborted) throw cancelled();
    if (status === 0) return output;
    throw failed(doing, status, said);
  } catch (cause) {
    if (cause instanceof CasemateError) throw cause;
    throw new CasemateError(
      "system/missing",
      `Cannot ${doing}: it did not start, expected util-linux to be installed.`,
      { cause },
    );
  } finally {
    signal?.removeEventListener("abort", kill);
  }
}

function failed(doing: string, status: number | string, said: string): CasemateError {
  const words = said.trim().split("\n").at(-1)?.slice(0, 300) ?? "";
  if (/No space left|Disk quota exceeded/.test(said)) {
    return new CasemateError("disk/full", `Cannot ${doing}: the file system is full.`);
  }
  if (status === 127) {
    return new CasemateError(
      "system/missing",
      `Cannot ${doing}: there is no qemu-img, expected qemu-utils to be installed.`,
    );
  }
  return new CasemateError(
    "image/unreadable",
    `Cannot ${doing}: qemu-img ended with ${status} and said "${words}", expected it to succeed.`,
  );
}
