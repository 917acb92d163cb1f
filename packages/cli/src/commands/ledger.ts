import type { Command } from "commander";
import type { Context } from "../context.ts";
import { configureAnchor } from "./ledger/anchor.ts";
import { configureCheckpoint } from "./ledger/checkpoint.ts";
import { configureFacts } from "./ledger/facts.ts";
import { configureFsck } from "./ledger/fsck.ts";
import { configureProve } from "./ledger/prove.ts";
import { configureRebuild } from "./ledger/rebuild.ts";
import { configureRedact } from "./ledger/redact.ts";
import { configureRotate } from "./ledger/rotate.ts";
import { configureVerify } from "./ledger/verify.ts";

export function configureLedger(command: Command, context: Context): void {
  configureCheckpoint(command.command("checkpoint"), context);
  configureProve(command.command("prove <index...>"), context);
  configureVerify(command.command("verify <proof>"), context);
  configureFacts(command.command("facts"), context);
  configureFsck(command.command("fsck"), context);
  configureRotate(command.command("rotate"), context);
  configureRebuild(command.command("rebuild"), context);
  configureRedact(command.command("redact <index>"), context);
  configureAnchor(command.command("anchor [command...]"), context);
}
