import { readFileSync } from "node:fs";
import { CasemateError, ExitCode, KiB, toCasemateError } from "@casemate/core";
import { parseLaunch } from "@casemate/host/launch";
import type { Command } from "commander";
import { controlClient } from "../../client/control-client.ts";
import { readClientFile } from "../../client/read-client-file.ts";
import type { Context } from "../../context.ts";
import { printable } from "../../output/printable.ts";

/** How long the control plane may take to judge, in milliseconds: libvirt's hook waits, and libvirt with it. */
const PATIENCE = 5_000;

/**
 * `casemate hook run`: what libvirt calls. It ends with 4 where the VM may not run, and with 1 where nobody
 * said so or otherwise; whoever installed the hook chose what holds then.
 */
export function addHookRun(command: Command, context: Context): void {
  command
    .command("run <vm> <operation> <suboperation> [extra]")
    .description("what libvirt calls: asks the policy before a VM starts or arrives")
    .option("--data <dir>", "the data directory of the control plane to ask")
    .action(
      async (
        vm: string,
        operation: string,
        suboperation: string,
        _extra: string | undefined,
        { data = context.environment.dataDirectory }: { readonly data?: string },
      ) => {
        try {
          const because = await judge(`${operation} ${suboperation}`, data);
          if (because === undefined) return;
          refuse(vm, because);
          context.exitWith(ExitCode.denied);
        } catch (thrown) {
          const { code, message, next } = toCasemateError(thrown);
          const reached = code !== "api/unreachable";
          refuse(vm, `${message} ${reached ? next : "Start it with `casemate up`."}`);
          context.exitWith(reached ? ExitCode.denied : ExitCode.failed);
        }
      },
    );
}

/** libvirt shows it to whoever started the VM. */
function refuse(vm: string, because: string): void {
  process.stderr.write(`Casemate does not let ${printable(vm)} run: ${printable(because)}\n`);
}

/** Why it may not be; undefined where it may. Asks as this machine's own, whoever else is logged in. */
async function judge(moment: string, data: string): Promise<string | undefined> {
  const launch = parseLaunch(moment, readDefinition);
  if (launch === undefined) return undefined;
  const { what, uuid, name, labels, networks } = launch;
  const client = controlClient(await readClientFile(data));
  const { permitted, because } = await client.post(
    "/api/v1/hook",
    { action: `libvirt.${what}`, uuid, name, labels, networks },
    AbortSignal.timeout(PATIENCE),
  );
  return permitted === true ? undefined : String(because);
}

/** The definition that libvirt writes to the hook's standard input. */
function readDefinition(): string {
  const xml = readFileSync(0, "utf8");
  if (xml.length > 0 && xml.length <= 4_096 * KiB) return xml;
  throw new CasemateError(
    "usage",
    `Cannot read the VM's definition: it has ${xml.length} characters, expected what libvirt writes.`,
  );
}
