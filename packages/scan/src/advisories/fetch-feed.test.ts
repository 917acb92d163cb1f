import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fetchFeed } from "./fetch-feed.ts";

let directory: string;
let server: Server;
let url: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "casemate-fetch-"));
  server = createServer((request, response) => {
    switch (request.url) {
      case "/feed":
        if (request.headers["if-none-match"] === '"one"') response.writeHead(304).end();
        else response.writeHead(200, { etag: '"one"' }).end("a feed");
        return;
      case "/endless": {
        const send = () => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536)));
        };
        response.on("drain", send);
        send();
        return;
      }
      case "/broken":
        response.writeHead(200, { "content-length": "100" });
        response.write("half");
        setImmediate(() => response.destroy());
        return;
      case "/silent":
        return;
      default:
        response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
});

after(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(directory, { recursive: true, force: true });
});

test("fetchFeed: writes what the server sends, and nothing when it has not changed", async () => {
  const path = join(directory, "feed");
  const fetched = await fetchFeed(`${url}/feed`, path, { mostBytes: 100 });
  assert.deepEqual(fetched, {
    bytes: 6,
    sha256: createHash("sha256").update("a feed").digest("hex"),
    etag: '"one"',
  });
  assert.equal(await readFile(path, "utf8"), "a feed");
  assert.equal(await fetchFeed(`${url}/feed`, path, { mostBytes: 100, etag: '"one"' }), undefined);
});

test("fetchFeed: too much, an error, a broken connection and no server leave no file", async () => {
  const path = join(directory, "none");
  const cases: readonly (readonly [string, string])[] = [
    [`${url}/endless`, "feed/too-large"],
    [`${url}/missing`, "feed/unreachable"],
    [`${url}/broken`, "feed/unreachable"],
    ["http://127.0.0.1:1/", "feed/unreachable"],
    ["file:///etc/passwd", "feed/unreachable"],
  ];
  for (const [address, code] of cases) {
    await assert.rejects(fetchFeed(address, path, { mostBytes: 1_000_000 }), { code });
  }
  const aborted = fetchFeed(`${url}/silent`, path, { mostBytes: 1 }, AbortSignal.timeout(50));
  await assert.rejects(aborted, { name: "TimeoutError" });
  assert.deepEqual(
    (await readdir(directory)).filter((name) => name.startsWith("none")),
    [],
  );
});

test("fetchFeed: says no password of an address", async () => {
  await assert.rejects(
    fetchFeed(`${url.replace("//", "//user:secret@")}/missing?token=secret`, join(directory, "x"), {
      mostBytes: 1,
    }),
    (thrown: Error) => !thrown.message.includes("secret"),
  );
});
