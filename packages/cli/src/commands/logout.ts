import { toCasemateError } from "@casemate/core";
import type { Command } from "commander";
import { controlClient } from "../client/control-client.ts";
import { readSessionFile, removeSessionFile } from "../client/session-file.ts";
import type { Context } from "../context.ts";

export function configureLogout(command: Command, { environment, output }: Context): void {
  command.action(async () => {
    const session = await readSessionFile(environment.sessionFile);
    if (session === undefined) {
      output.text("Nobody is logged in.\n");
      return;
    }
    try {
      await controlClient(session).post("/api/v1/logout");
    } catch (thrown) {
      // A session that is over opens nothing any more: the file goes all the same.
      if (toCasemateError(thrown).code !== "auth/required") throw thrown;
    }
    await removeSessionFile(environment.sessionFile);
    output.text("Logged out.\n");
  });
}
