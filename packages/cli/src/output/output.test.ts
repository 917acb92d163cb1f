import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { renderJson } from "./json.ts";
import { outputTo } from "./output.ts";
import { styleFor } from "./style.ts";
import { renderTable } from "./table.ts";
import { printView } from "./view.ts";

const steering = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const anyText = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }));

test("renderTable: whatever cells hold, nothing that steers a terminal comes out", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyText, anyText)), (rows) => {
      const text = renderTable(
        [{ title: "A" }, { title: "B", align: "right" }],
        rows,
        styleFor(false),
      );
      assert.equal(text.split("\n").length, rows.length + 2);
      assert.doesNotMatch(text.replaceAll("\n", ""), steering);
    }),
  );
});

test("renderTable: columns line up behind wide and combining characters", () => {
  const rows = [
    ["日本", "1"],
    ["e\u0301", "22"],
    ["\u001b[31m", "3"],
  ];
  assert.equal(
    renderTable([{ title: "NAME" }, { title: "N", align: "right" }], rows, styleFor(false)),
    ["NAME         N", "日本         1", "e\u0301           22", "\\u{1b}[31m   3", ""].join("\n"),
  );
});

test("renderJson: keeps every value, and nothing that steers a terminal comes out", () => {
  fc.assert(
    fc.property(fc.jsonValue(), anyText, (value, text) => {
      const json = renderJson("Test", { value, text });
      assert.deepEqual(JSON.parse(json).text, text);
      assert.deepEqual(JSON.parse(json).value, JSON.parse(JSON.stringify(value)));
      assert.doesNotMatch(json.replaceAll("\n", ""), steering);
    }),
  );
});

test("Output.contents: bytes as they are, and to a terminal nothing that steers it", () => {
  const bytes = Uint8Array.from([0, 0xff, 0x1b, 0x5b, 0x41, 10, 0xe2, 0x80, 0xae, 0x62]);
  const write = (isTTY: boolean) => {
    const stream = Object.assign(new PassThrough(), { isTTY }) as unknown as NodeJS.WriteStream; // all that it uses
    outputTo(stream, { json: false, noColour: true, terminal: "" }).contents(bytes);
    return stream.read() as Buffer; // a stream without an encoding gives bytes
  };
  assert.deepEqual(write(false), Buffer.from(bytes));
  assert.equal(write(true).toString(), "\\u{0}\ufffd\\u{1b}[A\n\\u{202e}b\n");
});

test("printView: what is damaged comes below the rows", () => {
  const stream = new PassThrough();
  const options = { json: false, noColour: true, terminal: "dumb" };
  const output = outputTo(stream as unknown as NodeJS.WriteStream, options); // all that it uses
  const damage = { object: "task_struct at 0xffff888003b5c000", reason: "Cannot read memory." };
  printView(
    {
      ...{ kind: "ModuleList", view: "modules", subject: "web01", takenAt: "", elapsedMs: 1 },
      ...{ consistency: "consistent", damaged: [damage], columns: [], items: [] },
    },
    output,
  );
  assert.match(String(stream.read()), /\n\nDAMAGED, NOT SHOWN ABOVE {2,}REASON\ntask_struct at /);
});
