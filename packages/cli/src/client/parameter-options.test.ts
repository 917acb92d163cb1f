import assert from "node:assert/strict";
import { test } from "node:test";
import { offered } from "@casemate/control/operations";
import { Command } from "commander";
import { addParameters, type ParametersSchema, readParameters } from "./parameter-options.ts";

/** What the command line makes of `words` for an operation whose parameters `positional` have no option's name. */
function read(id: string, positional: readonly string[], ...words: readonly string[]) {
  const { parameters } = offered.find((each) => each.id === id) ?? assert.fail(id);
  const schema = parameters as unknown as ParametersSchema; // a TypeBox schema is a JSON schema
  const command = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  addParameters(command, schema, positional);
  command.parse(words, { from: "user" });
  return readParameters(schema, positional, command.processedArgs, command.opts());
}

test("addParameters: a word without an option's name is what the schema says, as an option's is", () => {
  assert.deepEqual(read("vm.process.kill", ["pid"], "412"), { pid: 412 });
  assert.throws(() => read("vm.process.kill", ["pid"], "init"), /Expected a number/);
  assert.deepEqual(read("vm.restore", ["snapshot"], "7"), { snapshot: "7" });
  assert.deepEqual(read("vm.label", ["labels"], "web", "dmz"), { labels: ["web", "dmz"] });
});
