import { MAX_FILE_BYTES, witnessedFiles } from "./witnessed-files.ts";

/** What the agent in a guest may be asked: it only ever reads. */
export type AgentQuestion =
  /** The first `bytes` of a file, as the agent sees it. */
  | { readonly ask: "file"; readonly path: string; readonly bytes: number }
  /** The names in /proc, by having it run `ls`. */
  | { readonly ask: "processes" }
  /** Network interfaces and their addresses. */
  | { readonly ask: "interfaces" };

/** What came back. HOSTILE: whoever owns the guest says whatever they like. */
export type AgentAnswer =
  /** JSON, as libvirt writes it down: to questions about files what `guest-file-read` returned, and so on. */
  | { readonly kind: "said"; readonly text: string }
  /** It said that it cannot, or that there is no such thing. */
  | { readonly kind: "refused"; readonly words: string }
  /** It said nothing in time, or was not asked any more. */
  | { readonly kind: "silent"; readonly words: string };

/** Files of /proc that may be asked for. */
const ASKABLE = /^\/proc\/(?:\d{1,7}\/stat|modules|1\/net\/(?:tcp|udp)6?)$/;

/** Of tables in /proc so much is asked for: of ten thousand sockets. */
export const MAX_ANSWER_BYTES = 1024 * 1024;

/** Whether the answer is what stands in a file of the guest's own, for which it takes leave to read those. */
export function isForContents(question: AgentQuestion): boolean {
  return question.ask === "file" && witnessedFiles.includes(question.path);
}

/** Whether a question is one that detectors ask: whoever makes it up in their name gets nothing else. */
export function isAgentQuestion(question: AgentQuestion): boolean {
  if (question.ask !== "file") return true;
  const { path, bytes } = question;
  if (!Number.isInteger(bytes) || bytes <= 0) return false;
  if (witnessedFiles.includes(path)) return bytes <= MAX_FILE_BYTES + 1;
  return ASKABLE.test(path) && bytes <= MAX_ANSWER_BYTES;
}
