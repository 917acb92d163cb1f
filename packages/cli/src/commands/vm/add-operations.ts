import type { Operation } from "@casemate/control";
import type { Command } from "commander";
import { openClient } from "../../client/open-client.ts";
import { type OrderOptions, placeOrder, withOrder } from "../../client/order.ts";
import {
  addParameters,
  type ParametersSchema,
  readParameters,
} from "../../client/parameter-options.ts";
import type { Context } from "../../context.ts";

/** Parameters that are written without an option's name. */
const positional: Readonly<Record<string, readonly string[]>> = {
  "vm.snapshot": ["name"],
  "vm.snapshot.delete": ["name"],
  "vm.restore": ["snapshot"],
  "vm.clone": ["name"],
  "vm.rename": ["name"],
  "vm.label": ["labels"],
  "vm.export": ["path"],
  "vm.import": ["path"],
  "vm.disk.detach": ["target"],
  "vm.nic.detach": ["mac"],
  "vm.media.change": ["target", "path"],
  "vm.process.kill": ["pid"],
  "vm.process.freeze": ["pid"],
  "vm.process.thaw": ["pid"],
  "vm.process.cut": ["pid"],
  "vm.process.rejoin": ["pid"],
};

/**
 * Gives `casemate vm` a subcommand for each operation on VMs, with what its parameters' schema says. Those that
 * answer their requester are asked for in ways of their own: nothing begins them but who takes the answer.
 */
export function addOperations(
  command: Command,
  operations: readonly Operation[],
  context: Context,
): void {
  for (const { id, summary, on, parameters, attended } of operations) {
    if (!id.startsWith("vm.") || attended) continue;
    const sub = command
      .command(id.slice("vm.".length).replaceAll(".", "-"))
      .description(summary.charAt(0).toLowerCase() + summary.slice(1));
    if (on === "vm") sub.argument("<vm>", "a VM, by name or UUID");
    const words = positional[id] ?? [];
    const schema = parameters as unknown as ParametersSchema; // a TypeBox schema is a JSON schema
    addParameters(sub, schema, words);
    if (on === "host") sub.option("--host <id>", "the host that gets it (default: the only one)");
    withOrder(sub).action(async (...given: unknown[]) => {
      const options = sub.opts<OrderOptions & Record<string, unknown>>();
      const rest = on === "vm" ? given.slice(1) : given;
      const read = readParameters(schema, words, rest, options);
      const place =
        on === "vm"
          ? `vms/${encodeURIComponent(String(given[0]))}`
          : `hosts/${await chooseHost(context, options)}`;
      await placeOrder(`/api/v1/${place}/operations/${id}`, read, options, context);
    });
  }
}

async function chooseHost(
  { environment }: Context,
  options: { readonly host?: unknown; readonly data?: string },
): Promise<string> {
  if (typeof options.host === "string") return encodeURIComponent(options.host);
  const client = await openClient(environment, options);
  const { items } = await client.get("/api/v1/hosts");
  const hosts = items as readonly { readonly id: string }[]; // our own control plane answered
  return hosts[0]?.id ?? "none";
}
