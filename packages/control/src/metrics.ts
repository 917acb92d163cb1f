import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** What Prometheus may ask this process. */
export interface Metrics {
  /** The text exposition format, version 0.0.4. */
  render(): Promise<string>;
  readonly requests: Histogram<"route" | "status">;
  readonly inspections: Counter<"view" | "outcome">;
  readonly inspectionSeconds: Histogram<"view">;
  readonly hostUp: Gauge<"host">;
  readonly vms: Gauge<"host" | "state">;
  readonly breakGlassUses: Gauge<"reviewed">;
  readonly findings: Gauge<"state" | "severity">;
}

export function metrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  return {
    render: () => registry.metrics(),
    requests: new Histogram({
      name: "casemate_http_request_seconds",
      help: "How long requests took, by route and status.",
      labelNames: ["route", "status"],
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    }),
    inspections: new Counter({
      name: "casemate_inspections_total",
      help: "Looks into VMs, by view and outcome (done or an error code).",
      labelNames: ["view", "outcome"],
      registers,
    }),
    inspectionSeconds: new Histogram({
      name: "casemate_inspection_seconds",
      help: "How long looks took inside the inspector, by view.",
      labelNames: ["view"],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2],
      registers,
    }),
    hostUp: new Gauge({
      name: "casemate_host_up",
      help: "Whether libvirt answers on the host: 1 or 0.",
      labelNames: ["host"],
      registers,
    }),
    vms: new Gauge({
      name: "casemate_vms",
      help: "VMs by host and state.",
      labelNames: ["host", "state"],
      registers,
    }),
    findings: new Gauge({
      name: "casemate_findings",
      help: "What was found on VMs and is open or acknowledged, by state and severity.",
      labelNames: ["state", "severity"],
      registers,
    }),
    breakGlassUses: new Gauge({
      name: "casemate_break_glass_uses",
      help: "How often approvals were passed by, by whether that was reviewed: true or false.",
      labelNames: ["reviewed"],
      registers,
    }),
  };
}
