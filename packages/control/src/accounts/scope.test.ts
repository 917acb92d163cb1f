import assert from "node:assert/strict";
import { test } from "node:test";
import { isInScope } from "./scope.ts";

test("isInScope: an action, the actions below a name, a group of the policy; nothing else", () => {
  for (const [action, scopes, expected] of [
    ["vm.start", "all", true],
    ["vm.start", ["vm.start"], true],
    ["vm.start", ["vm"], true],
    ["vm.inspect.userMemory", ["vm.inspect"], true],
    ["vm.start", ["operate"], true],
    ["vm.start", ["change"], true],
    ["vm.read", ["read"], true],
    ["vm.start", ["vm.st"], false],
    ["vm.start", ["read", "vm.stop"], false],
    ["vm.start", [], false],
  ] as const) {
    assert.equal(isInScope(action, scopes), expected, `${action} in ${scopes}`);
  }
});
