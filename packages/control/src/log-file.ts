import { createWriteStream } from "node:fs";
import { Writable } from "node:stream";

/** The log file, mode 600. A log that cannot be written never stops the control plane: stderr hears of it once. */
export function openLog(path: string, verbose: boolean): NodeJS.WritableStream {
  const file = createWriteStream(path, { flags: "a", mode: 0o600 });
  file.once("error", (error) => {
    file.on("error", () => {});
    process.stderr.write(`casemate: Cannot write ${path}: ${error.message}.\n`);
  });
  if (!verbose) return file;
  return new Writable({
    write(chunk, encoding, done) {
      process.stderr.write(chunk, encoding);
      file.write(chunk, encoding, () => done());
    },
    final: (done) => void file.end(done),
  });
}
