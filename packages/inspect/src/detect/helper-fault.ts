import type { Severity } from "./suspicion.ts";

/** What is wrong with a program that the kernel starts with all rights. */
export interface HelperFault {
  readonly severity: Severity;
  readonly because: string;
}

/** Directories that only the owner of the system writes to, by the file system hierarchy standard. */
const SYSTEM_PLACES =
  /^\/(?:usr\/(?:local\/)?)?(?:s?bin|lib(?:32|64|x32|exec)?|share)\/|^\/(?:opt|snap|nix\/store|gnu\/store|run\/current-system)\//;
/** Where anybody may write, or where what is there is not a file of the disk. */
const OPEN_PLACES =
  /^\/(?:tmp|var\/tmp|dev|proc|sys|run\/(?:user|lock|shm)|home|mnt|media|srv)(?:\/|$)/;
const HIDDEN_PART = /\/\.[^./]/;
const NOT_PLAIN = /\/\.\.?(?:\/|$)|memfd:|\(deleted\)|[\n;|&`$<>]/;

/**
 * Judges the path of a program that the kernel starts as root by itself (`call_usermodehelper`): by where it
 * lies, not by what it is called. `undefined` where nothing speaks against it.
 */
export function helperFault(path: string): HelperFault | undefined {
  if (!path.startsWith("/")) {
    return {
      severity: "high",
      because: "A path that does not begin at the root leads to wherever the kernel stands.",
    };
  }
  if (NOT_PLAIN.test(path)) {
    return { severity: "critical", because: "Nobody names a program of the system like this." };
  }
  if (OPEN_PLACES.test(path)) {
    return {
      severity: "critical",
      because:
        "Others than root may write there, or it is no file of the disk, and the kernel starts it as root.",
    };
  }
  if (HIDDEN_PART.test(path)) {
    return {
      severity: "critical",
      because:
        "The kernel starts it as root, and its name begins with a dot so that nobody sees it.",
    };
  }
  if (SYSTEM_PLACES.test(path)) return undefined;
  return {
    severity: "high",
    because: "The kernel starts it as root, and programs of the system are elsewhere.",
  };
}
