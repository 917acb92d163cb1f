/** What `guest-file-read` returns of a file with these lines. */
export function fileAnswer(lines: readonly string[], eof = true): string {
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  const read = { count: bytes.length, "buf-b64": bytes.toString("base64"), eof };
  return JSON.stringify({ return: read });
}

/** What `guest-exec-status` returns of a program that wrote these lines. */
export function programAnswer(lines: readonly string[]): string {
  const data = Buffer.from(lines.map((line) => `${line}\n`).join("")).toString("base64");
  return JSON.stringify({ return: { exited: true, exitcode: 0, "out-data": data } });
}
