import { connect } from "node:net";
import { createInterface } from "node:readline";
import { CasemateError } from "@casemate/core";

/**
 * Runs one command on a QMP socket of a test guest (QEMU, docs/interop/qmp-spec) and returns its answer.
 *
 * Throws `lab/build-failed` when QEMU refuses and `vm/gone` when it ends before the answer.
 */
export async function qmpCommand(
  socketPath: string,
  execute: string,
  args: Readonly<Record<string, unknown>> = {},
): Promise<unknown> {
  const socket = connect(socketPath);
  try {
    const send = (id: string, command: string, values: object) =>
      socket.write(`${JSON.stringify({ execute: command, arguments: values, id })}\n`);
    for await (const line of createInterface({ input: socket })) {
      const message: Record<string, unknown> = JSON.parse(line);
      if ("QMP" in message) send("hello", "qmp_capabilities", {});
      else if ("error" in message) {
        throw new CasemateError(
          "lab/build-failed",
          `Cannot run the QMP command ${execute}: ${JSON.stringify(message["error"])}.`,
        );
      } else if (message["id"] === "hello") send("command", execute, args);
      else if (message["id"] === "command") return message["return"];
    }
  } finally {
    socket.destroy();
  }
  throw new CasemateError(
    "vm/gone",
    `Cannot run the QMP command ${execute}: ${socketPath} closed, expected an answer.`,
  );
}
