import { posix } from "node:path";

/** Whose a directory of libraries is: the system's, a user's, everybody's, or not known. */
export type LibraryPlace = "system" | "home" | "temporary" | "elsewhere";

/** Where anybody may put files, or what is gone with the next start (file-hierarchy(7)). */
const TEMPORARY = /^\/(?:tmp|var\/tmp|dev|run|proc)\//;
const HOME = /^\/(?:home|root)\//;
/** Distributions, their stores of packages, and add-on software. */
const SYSTEM = /^\/(?:usr|lib(?:32|64|x32)?|opt|snap|nix\/store|gnu\/store)\//;
/** Names that `ls` leaves out. */
const HIDDEN = /\/\.[^/]/;

/** Whose the place of a library is, by its path. HOSTILE. */
export function libraryPlace(path: string): LibraryPlace {
  const normal = posix.normalize(path);
  if (TEMPORARY.test(normal)) return "temporary";
  if (HOME.test(normal)) return "home";
  if (HIDDEN.test(normal)) return "temporary";
  return SYSTEM.test(normal) ? "system" : "elsewhere";
}
