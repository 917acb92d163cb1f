import assert from "node:assert/strict";
import { test } from "node:test";
import { offered } from "@casemate/control/operations";
import { Command } from "commander";
import type { Context } from "../../context.ts";
import { addOperations } from "./add-operations.ts";

test("addOperations: a command for each operation on VMs but those that answer their requester", () => {
  const command = new Command("vm");
  addOperations(command, offered, {} as Context); // nothing is carried out
  const names = command.commands.map((each) => each.name());
  for (const name of ["start", "snapshot-delete", "process-cut", "revert"]) {
    assert.ok(names.includes(name), name);
  }
  for (const name of ["inspect", "console", "check", "follow"]) {
    assert.ok(!names.includes(name), name);
  }
});
