import assert from "node:assert/strict";
import { test } from "node:test";
import { openApi } from "../../test/api.fixture.ts";

test("answerError: what does not fit is called by its name, with what would", async (t) => {
  const { call } = await openApi(t);
  const said = async (method: "GET" | "POST", path: string, body?: object) =>
    (await call("operator", method, path, body)).body.message;
  assert.equal(
    await said("GET", "/findings?severity=bad"),
    "Cannot take this request: severity must be one of low, medium, high, critical.",
  );
  assert.equal(
    await said("GET", "/requests/5e0c"),
    "Cannot take this request: request must be a whole UUID.",
  );
  assert.equal(
    await said("POST", "/requests/5e0c5e0c-0000-4000-8000-000000000000/reject", {}),
    "Cannot take this request: body must have required property 'reason'.",
  );
});
