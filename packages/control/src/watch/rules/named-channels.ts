import type { RuleResponse } from "./rule.ts";

/** The channels that `notify` among these responses names. */
export function namedChannels(respond: readonly RuleResponse[]): readonly string[] {
  return respond.flatMap(({ response, parameters: { channels } }) =>
    response === "notify" && Array.isArray(channels) ? channels.map(String) : [],
  );
}
