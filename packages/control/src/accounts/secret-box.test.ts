import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { openSecretBox } from "./secret-box.ts";

test("SecretBox: opens what it sealed, for that purpose, and nothing that was changed", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "casemate-box-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const box = await openSecretBox(directory);
  const again = await openSecretBox(directory);
  assert.equal((await stat(join(directory, "accounts.key"))).mode & 0o777, 0o600);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1 }), fc.string(), fc.nat(), (secret, purpose, at) => {
      const sealed = box.seal(secret, purpose);
      assert.deepEqual(again.open(sealed, purpose), Buffer.from(secret));
      assert.notEqual(box.seal(secret, purpose), sealed);
      assert.throws(() => box.open(sealed, `${purpose}x`), { code: "data/damaged" });
      const bytes = Buffer.from(sealed, "base64url");
      const place = at % bytes.length;
      bytes[place] = (bytes[place] ?? 0) ^ 1;
      assert.throws(() => box.open(bytes.toString("base64url"), purpose), { code: "data/damaged" });
      assert.throws(() => box.open(sealed.slice(0, at % 16), purpose), { code: "data/damaged" });
    }),
  );
  assert.equal(box.pseudonym("alice"), again.pseudonym("alice"));
  await writeFile(join(directory, "accounts.key"), "short");
  await assert.rejects(openSecretBox(directory), { code: "data/damaged" });
});
