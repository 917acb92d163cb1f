import assert from "node:assert/strict";
import { homedir } from "node:os";
import { test } from "node:test";
import { parseEnvironment } from "./environment.ts";

test("parseEnvironment: the data directory of root, of a user, and the one that was named", () => {
  assert.equal(parseEnvironment({}, 0).dataDirectory, "/var/lib/casemate");
  assert.equal(parseEnvironment({}, 1000).dataDirectory, `${homedir()}/.local/share/casemate`);
  assert.equal(parseEnvironment({ XDG_DATA_HOME: "/x" }, 1000).dataDirectory, "/x/casemate");
  assert.equal(parseEnvironment({ CASEMATE_DATA: "/y" }, 0).dataDirectory, "/y");
});

test("parseEnvironment: a variable of Casemate's that is not known is refused", () => {
  assert.throws(() => parseEnvironment({ CASEMATE_DATE: "/y" }, 0), { code: "usage" });
});
