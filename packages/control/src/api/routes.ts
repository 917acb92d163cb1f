import type { Route } from "./route.ts";
import { events } from "./routes/events.ts";
import { frozenView } from "./routes/frozen-view.ts";
import { health } from "./routes/health.ts";
import { hosts } from "./routes/hosts.ts";
import { metrics } from "./routes/metrics.ts";
import { view } from "./routes/view.ts";
import { vm, vms } from "./routes/vms.ts";

/** Every route of the API but `/openapi.json`, which is made from them. */
export const routes: readonly Route[] = [health, metrics, hosts, vms, vm, view, frozenView, events];
