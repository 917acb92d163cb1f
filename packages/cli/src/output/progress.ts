import { printable } from "./printable.ts";

/** What long work is doing now, on stderr: one line that changes on a terminal, one line a step elsewhere. */
export interface Progress {
  step(text: string): void;
  /** Clears the changing line, before something else is printed. */
  end(): void;
}

export function progressTo(stream: NodeJS.WriteStream, terminal: string): Progress {
  const moving = stream.isTTY === true && terminal !== "dumb";
  let shown = "";
  return {
    step(text) {
      const safe = printable(text);
      if (safe === shown) return;
      shown = safe;
      // ECMA-48: carriage return, erase the line; cut so that it never wraps.
      if (moving) stream.write(`\r\u001b[K${safe.slice(0, (stream.columns ?? 80) - 1)}`);
      else stream.write(`${safe}\n`);
    },
    end() {
      if (moving && shown !== "") stream.write("\r\u001b[K");
      shown = "";
    },
  };
}
