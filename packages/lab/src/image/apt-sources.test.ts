import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDebianMirror, sourceLines } from "./apt-sources.ts";

const targets = `Debian Debian contrib http://a.example/debian
Debian Debian main http://a.example/debian
Debian Debian-Security main http://b.example/debian-security
Node Source main http://c.example/
`;

test("parseDebianMirror: takes Debian's main component, with security beside it", () => {
  assert.deepEqual(parseDebianMirror(targets), {
    main: "http://a.example/debian",
    security: "http://b.example/debian-security",
  });
});

test("parseDebianMirror: none where the host is not Debian", () => {
  assert.equal(parseDebianMirror("Ubuntu Ubuntu main http://a.example/ubuntu\n"), undefined);
  assert.equal(parseDebianMirror(""), undefined);
});

test("sourceLines: main, updates and security of the suite, only main of sid and experimental", () => {
  const mirror = { main: "http://a.example/debian", security: "http://b.example/s" };
  assert.equal(
    sourceLines(mirror, "bookworm"),
    "deb http://a.example/debian bookworm main\n" +
      "deb http://a.example/debian bookworm-updates main\n" +
      "deb http://b.example/s bookworm-security main\n",
  );
  assert.equal(sourceLines(mirror, "sid"), "deb http://a.example/debian sid main\n");
  assert.equal(
    sourceLines(mirror, "experimental"),
    "deb http://a.example/debian sid main\ndeb http://a.example/debian experimental main\n",
  );
});
