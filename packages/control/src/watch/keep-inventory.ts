import type { HostAgent } from "@casemate/agent";
import type { Metrics } from "../metrics.ts";
import type { Inventory } from "./inventory.ts";

/**
 * Notes the host's VMs now and after each of its events; events that come while it does are one.
 *
 * Disposing ends it and waits for what is under way. `onError` hears of what could not be noted.
 */
export async function keepInventory(
  agent: HostAgent,
  services: { readonly inventory: Inventory; readonly metrics: Metrics },
  onError: (thrown: unknown) => void,
): Promise<AsyncDisposable> {
  let wanted = false;
  let running: Promise<void> | undefined;

  const note = async () => {
    while (wanted) {
      wanted = false;
      await noteVms(agent, services).catch(onError);
    }
    running = undefined;
  };
  const subscription = agent.subscribe(() => {
    wanted = true;
    running ??= note();
  });
  await services.inventory.sawHost(agent);
  await noteVms(agent, services).catch(onError);
  return {
    async [Symbol.asyncDispose]() {
      subscription[Symbol.dispose]();
      wanted = false;
      await running;
    },
  };
}

async function noteVms(
  agent: HostAgent,
  { inventory, metrics }: { readonly inventory: Inventory; readonly metrics: Metrics },
): Promise<void> {
  if (!agent.status().connected) return; // its next event says when it is back
  const vms = await agent.listVms();
  await inventory.sawHost(agent);
  await inventory.sawVms(agent, vms);
  metrics.vms.reset();
  for (const { state } of vms) metrics.vms.inc({ host: agent.name, state });
}
