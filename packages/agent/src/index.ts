export { pauseLimit } from "@casemate/host";
export {
  type AgentVm,
  type HostAgent,
  type HostEvent,
  type HostStatus,
  type VmState,
  vmStates,
} from "./host-agent.ts";
export { inspectImage } from "./inspect-image.ts";
export { inspectableView, type LookRequest, type ViewRequest } from "./inspectable-view.ts";
export { attachHost, type HostOptions } from "./local-host.ts";
export type { ViewItem, ViewTable, ViewValue } from "./view-table.ts";
