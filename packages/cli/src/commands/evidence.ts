import type { EvidenceDocument, EvidenceList } from "@casemate/control";
import type { EvidenceCheck } from "@casemate/control/check-evidence";
import { CasemateError, ExitCode, type Milliseconds } from "@casemate/core";
import type { VerifierKey } from "@casemate/ledger";
import type { Command } from "commander";
import { fetchBundle } from "../client/fetch-bundle.ts";
import { openClient } from "../client/open-client.ts";
import { followOrder, type OrderOptions, placeOrder, withOrder } from "../client/order.ts";
import type { Context } from "../context.ts";
import { printEvidenceCheck, printEvidenceList } from "../output/evidence.ts";
import { stopOnSignals } from "../stop-on-signals.ts";
import { parseKeyOption } from "./ledger/ledger-place.ts";
import { readGiven } from "./ledger/read-given.ts";
import { parsePauseLimit } from "./parse-pause-limit.ts";

interface SaveOptions extends OrderOptions {
  readonly finding?: readonly string[];
  readonly all?: boolean;
  readonly memory?: boolean;
  readonly pause?: boolean;
  readonly pauseLimit?: Milliseconds;
  readonly output?: string;
}

interface Options {
  readonly data?: string;
}

export function configureEvidence(command: Command, context: Context): void {
  const { environment, output } = context;

  withOrder(
    command.command("save <vm>").description("save what can be seen of a running VM, sealed"),
  )
    .option("--finding <id...>", "about these findings; all that are not closed, unless given")
    .option("--all", "with what processes and files hold, which needs an approval")
    .option("--memory", "with the whole RAM besides, which needs an approval")
    .option("--pause", "with --memory: have the VM stand still for the last of it")
    .option(
      "--pause-limit <ms>",
      "when a paused VM is resumed whatever happens (default: 50, at most 5000)",
      parsePauseLimit,
    )
    .option("-o, --output <file>", "fetch the bundle into this new file")
    .addHelpText("after", "\nWithout -o it is kept by the control plane: `casemate evidence get`.")
    .action(async (vm: string, options: SaveOptions) => {
      const { finding, all, output: file, ...order } = options;
      const memory = memoryParameter(options);
      const path = `/api/v1/vms/${encodeURIComponent(vm)}/operations/vm.evidence.save`;
      const parameters = {
        ...(finding === undefined ? {} : { findings: [...finding] }),
        ...(all === undefined ? {} : { all }),
        ...(memory === undefined ? {} : { memory }),
      };
      const last = await followOrder(path, parameters, order, context, { withdraws: true });
      if (file === undefined || last?.state !== "done") return;
      const saved = await fetchBundle(
        await openClient(environment, options),
        last.id,
        file,
        stopOnSignals(() => {}),
      );
      if (!output.json) output.text(describeFetched(file, saved));
    });

  withData(command.command("list").description("what was saved, the newest first")).action(
    async (options: Options) => {
      const client = await openClient(environment, options);
      const list = (await client.get("/api/v1/evidence")) as unknown as EvidenceList; // our own control plane answered
      if (output.json) output.document("EvidenceList", list);
      else printEvidenceList(list, context);
    },
  );

  withData(
    command.command("get <evidence>").description("fetch a bundle that was saved, by its id"),
  )
    .requiredOption("-o, --output <file>", "the new file that it goes to")
    .action(async (id: string, options: Options & { readonly output: string }) => {
      const client = await openClient(environment, options);
      const saved = await fetchBundle(
        client,
        id,
        options.output,
        stopOnSignals(() => {}),
      );
      if (output.json) output.document("Evidence", saved);
      else output.text(describeFetched(options.output, saved));
    });

  withOrder(
    command.command("delete <evidence>").description("delete a bundle, which needs an approval"),
  ).action(async (id: string, options: OrderOptions) => {
    await placeOrder("/api/v1/operations/evidence.delete", { evidence: id }, options, context);
  });

  command
    .command("verify <file>")
    .description("hold a bundle against its seal, offline; exits with 2 if it is not as sealed")
    .option("--key <vkey>", "the ledger's first key, known from elsewhere", parseKeyOption)
    .option(
      "--checkpoint <file>",
      "a checkpoint of the ledger known from elsewhere, or the proof of a later one",
    )
    .option("--json", "print JSON")
    .addHelpText("after", "\nExits with 3 where not everything could be checked.")
    .action(async (path: string, options: { key?: VerifierKey; checkpoint?: string }) => {
      const { checkEvidence } = await import("@casemate/control/check-evidence");
      const { key, checkpoint: file } = options;
      const checkpoint = file === undefined ? undefined : await readGiven(file);
      const check = await checkEvidence(path, { key, checkpoint });
      if (output.json) output.document("EvidenceCheck", describe(check));
      else printEvidenceCheck(check, context);
      if (check.verdict === "not-sealed") context.exitWith(ExitCode.suspicious);
      else if (check.verdict === "inconclusive") context.exitWith(ExitCode.inconclusive);
    });
}

/** How the whole RAM is to be taken, if it is. Throws `usage`. */
function memoryParameter({ memory, pause, pauseLimit: limit }: SaveOptions): object | undefined {
  if (limit !== undefined && pause !== true) {
    throw new CasemateError("usage", "Cannot save evidence: --pause-limit is without --pause.");
  }
  if (memory !== true) {
    if (pause !== true) return undefined;
    throw new CasemateError("usage", "Cannot save evidence: --pause is without --memory.");
  }
  return pause === true ? { pause: limit === undefined ? {} : { limit } } : {};
}

function describe({ verdict, parts, unchecked, seal, later }: EvidenceCheck): object {
  const since = later === undefined ? {} : { later };
  return { verdict, items: parts, unchecked, ...(seal === undefined ? {} : { seal }), ...since };
}

function describeFetched(file: string, { vm, bytes }: EvidenceDocument): string {
  return `${file}: evidence of ${vm.name}, ${bytes} bytes\n`;
}

function withData(command: Command): Command {
  return command
    .option("--data <dir>", "the data directory of the control plane to ask")
    .option("--json", "print JSON");
}
