import { type FileHandle, open } from "node:fs/promises";
import { Writable } from "node:stream";

/**
 * The log file, mode 600. A log that cannot be written never stops the control plane: stderr hears of it once,
 * and it goes on as soon as it can be written again.
 */
export function openLog(path: string, verbose: boolean): NodeJS.WritableStream {
  let file: FileHandle | undefined;
  let failing = false;
  const append = async (chunk: Buffer): Promise<void> => {
    try {
      file ??= await open(path, "a", 0o600);
      await file.appendFile(chunk);
      failing = false;
    } catch (thrown) {
      if (failing) return;
      failing = true;
      const seen = thrown instanceof Error ? thrown.message : String(thrown);
      process.stderr.write(`casemate: Cannot write ${path}: ${seen}.\n`);
    }
  };
  return new Writable({
    decodeStrings: true,
    write(chunk: Buffer, _encoding, done) {
      if (verbose) process.stderr.write(chunk);
      void append(chunk).then(() => done());
    },
    final(done) {
      void Promise.resolve(file?.close()).then(() => done(), done);
    },
  });
}
