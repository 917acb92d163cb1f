import { ExitCode } from "@casemate/core";
import { type Environment, parseEnvironment } from "./environment.ts";
import { outputTo } from "./output/output.ts";
import { progressTo } from "./output/progress.ts";
import { runProgram } from "./program.ts";
import { reportError } from "./report-error.ts";

// Who reads our output may stop (`| head`): then there is nobody left to tell anything.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});

const argv = process.argv.slice(2);
const json = argv.includes("--json");
let environment: Environment | undefined;
try {
  environment = parseEnvironment(process.env, process.getuid?.() ?? -1);
  const { noColour, terminal } = environment;
  await runProgram(argv, {
    environment,
    output: outputTo(process.stdout, { json, noColour, terminal }),
    progress: progressTo(process.stderr, terminal),
    exitWith(code) {
      process.exitCode = code;
    },
  });
} catch (thrown) {
  const error = reportError(thrown, { json, debug: environment?.debug ?? false });
  process.exitCode = error.kind.exit;
}
process.exitCode ??= ExitCode.done;
