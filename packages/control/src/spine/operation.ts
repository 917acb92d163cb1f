import type { HostAgent } from "@casemate/agent";
import { CasemateError, type JsonObject } from "@casemate/core";
import type { Static, TObject } from "typebox";
import type { Plan, PlanDraft, Target } from "./plan.ts";

/** What `plan` goes by. */
export interface PlanCall<Parameters> {
  readonly host: HostAgent;
  readonly target: Target;
  readonly parameters: Parameters;
  /** The request's id. What must be new (a UUID, a MAC address) is derived from it, so that plans repeat. */
  readonly requestId: string;
}

/** What the other steps go by. */
export interface StepCall<Details extends JsonObject> {
  readonly host: HostAgent;
  readonly plan: Plan<Details>;
}

export interface LookCall<Details extends JsonObject> extends StepCall<Details> {
  /** Whether `execute` has just returned: where nothing shows from outside, that is all there is. */
  readonly executed: boolean;
}

export interface ExecuteCall<Details extends JsonObject> extends StepCall<Details> {
  /** Who asked for it, as facts name them. */
  readonly actor: string;
  /** What the requester of an attended operation hands over as it begins, and nothing records: a key, files. */
  readonly given?: unknown;
  /** How far it is, from 0 to 1, and at what. */
  progress(fraction: number, doing: string): void;
}

/** What the host says of an operation that was begun, seen from outside. */
export type Seen =
  | { readonly kind: "done"; readonly result?: JsonObject }
  | { readonly kind: "undone" }
  /** Some of it: `undo` can take that back. */
  | { readonly kind: "partial"; readonly what: string }
  | { readonly kind: "unknown"; readonly why: string };

interface OperationOptions<Parameters extends TObject, Details extends JsonObject> {
  /** As vm.start: the policy's action, unless `needs` names others. */
  readonly id: string;
  readonly summary: string;
  /** Whether it is about a VM that is there, about a host, or about Casemate itself, which has no host. */
  readonly on: Target["kind"];
  readonly parameters: Parameters;
  /** Whether it has an answer for its requester alone, who must be there for it: a look, a console. */
  readonly attended?: boolean;
  /** Whether it may go on beside other operations on the VM. */
  readonly shared?: boolean;
  /** Whether it has libvirt run the VM, which then asks no more. */
  readonly launches?: boolean;
  /** The actions that the policy must permit; `id` alone where it is left out. */
  needs?(parameters: Static<Parameters>): readonly string[];
  /**
   * Predicts, and changes nothing. The same for the same world.
   *
   * Throws `operation/refused` for what this host cannot do or this VM is not in the state for.
   */
  plan(call: PlanCall<Static<Parameters>>, signal: AbortSignal): Promise<PlanDraft<Details>>;
  /** Does it. What it returns is an attended operation's answer, and is not recorded. */
  execute(call: ExecuteCall<Details>, signal: AbortSignal): Promise<unknown>;
  /** What became of it, from the host alone: after `execute`, and after a crash in the middle of it. */
  look(call: LookCall<Details>, signal: AbortSignal): Promise<Seen>;
  /** Takes back what is there of it. */
  undo?(call: StepCall<Details>, signal: AbortSignal): Promise<void>;
}

/** The host of what is about one; undefined for what is about Casemate itself. */
type WithAnyHost<Call extends { readonly host: HostAgent }> = Omit<Call, "host"> & {
  readonly host: HostAgent | undefined;
};

/** Something that can be done. */
export interface Operation {
  readonly id: string;
  readonly summary: string;
  readonly on: Target["kind"];
  readonly parameters: TObject;
  readonly attended: boolean;
  readonly shared: boolean;
  readonly launches: boolean;
  needs(parameters: unknown): readonly string[];
  plan(call: WithAnyHost<PlanCall<unknown>>, signal: AbortSignal): Promise<PlanDraft>;
  execute(call: WithAnyHost<ExecuteCall<JsonObject>>, signal: AbortSignal): Promise<unknown>;
  look(call: WithAnyHost<LookCall<JsonObject>>, signal: AbortSignal): Promise<Seen>;
  undo:
    | ((call: WithAnyHost<StepCall<JsonObject>>, signal: AbortSignal) => Promise<void>)
    | undefined;
}

/** An operation whose steps are typed by its parameters and by the details of its own plans. */
export function defineOperation<Parameters extends TObject, Details extends JsonObject>(
  options: OperationOptions<Parameters, Details>,
): Operation {
  const { id, summary, on, parameters, undo } = options;
  const { attended = false, shared = false, launches = false } = options;
  const onHost = <Call extends { readonly host: HostAgent | undefined }>(call: Call) => {
    const { host } = call;
    if (host !== undefined || on === "system") return call;
    throw new CasemateError("internal", `Cannot do ${id}: no host was given, expected one.`);
  };
  // Parameters were validated against the schema; a plan's details are those that this operation's own
  // `plan` gave, and its hash holds them together; `onHost` has seen the host.
  return {
    ...{ id, summary, on, parameters, attended, shared, launches },
    needs: (given) => options.needs?.(given as Static<Parameters>) ?? [id], // see above
    plan: (call, signal) => options.plan(onHost(call) as PlanCall<Static<Parameters>>, signal), // see above
    execute: (call, signal) => options.execute(onHost(call) as ExecuteCall<Details>, signal), // see above
    look: (call, signal) => options.look(onHost(call) as LookCall<Details>, signal), // see above
    undo:
      undo === undefined
        ? undefined
        : (call, signal) => undo.call(options, onHost(call) as StepCall<Details>, signal), // see above
  };
}
