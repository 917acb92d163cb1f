import assert from "node:assert/strict";
import { test } from "node:test";
import { BtfBuilder } from "../../test/btf-builder.ts";
import { Btf } from "./btf.ts";
import { BtfKind } from "./btf-kind.ts";
import { StructLayout } from "./struct-layout.ts";

function build() {
  const builder = new BtfBuilder();
  const int = builder.int("int", 4, true);
  const u64 = builder.int("u64", 8);
  const node = builder.forward();
  const inner = builder.struct("", [
    { name: "low", type: int },
    { name: "flag", type: int, bitOffset: 37, bitSize: 3 },
  ]);
  builder.struct(
    "node",
    [
      { name: "next", type: builder.pointer(builder.constant(node)) },
      {
        name: "",
        type: builder.union("", [
          { name: "", type: inner },
          { name: "all", type: u64 },
        ]),
      },
      { name: "values", type: builder.array(int, 6) },
      { name: "id", type: builder.typedef("pid_t", builder.constant(int)) },
    ],
    node,
  );
  builder.enumeration("colour", { RED: 0, BLUE: 7 });
  builder.struct("", [
    { name: "seq", type: int },
    { name: "timekeeper", type: u64 },
  ]);
  return { builder, btf: Btf.parse(builder.build()) };
}

test("Btf: finds types by name and kind", () => {
  const { btf } = build();
  const node = btf.find("node", BtfKind.struct);
  assert.ok(node !== undefined);
  assert.equal(btf.name(node), "node");
  assert.equal(btf.find("node", BtfKind.union), undefined);
  assert.equal(btf.find("nod", BtfKind.struct), undefined);
  assert.equal(btf.find("", BtfKind.struct), undefined);
  assert.deepEqual(
    btf.members(node).map((member) => member.name),
    ["next", "", "values", "id"],
  );
});

test("Btf: enumerators and structs without a tag", () => {
  const { btf } = build();
  assert.equal(btf.constant("BLUE"), 7n);
  assert.equal(btf.constant("GREEN"), undefined);
  const found = btf.findAnonymous("seq", "timekeeper");
  assert.ok(found !== undefined);
  assert.deepEqual(
    btf.members(found).map((member) => member.name),
    ["seq", "timekeeper"],
  );
  assert.equal(btf.findAnonymous("seq", "nothing"), undefined);
});

test("StructLayout: follows C expressions", () => {
  const { btf } = build();
  const layout = new StructLayout(btf, btf.find("node", BtfKind.struct) ?? 0, "node");
  assert.equal(layout.size, 56);
  assert.equal(layout.place("next").offset, 0);
  assert.equal(layout.place("all").offset, 8);
  assert.equal(layout.place("low").offset, 8);
  assert.deepEqual(
    [layout.place("flag").offset, layout.place("flag").bitOffset, layout.place("flag").bitSize],
    [12, 5, 3],
  );
  assert.equal(layout.place("values[5]").offset, 44);
  assert.equal(btf.kind(layout.place("id").type), BtfKind.int);
  assert.deepEqual(layout.place("next[2].id").hops, [0]);
  assert.equal(layout.place("next[2].id").offset, 2 * 56 + 48);
  assert.deepEqual(layout.place("next->next->id"), {
    hops: [0, 0],
    offset: 48,
    type: layout.place("id").type,
    bitOffset: 0,
    bitSize: 0,
  });
});

test("StructLayout: knows what is not there, and takes the first that is", () => {
  const { btf } = build();
  const layout = new StructLayout(btf, btf.find("node", BtfKind.struct) ?? 0, "node");
  for (const path of ["nothing", "id->next", "next.id", "values[6]", "low.more", "next->nothing"]) {
    assert.equal(layout.has(path), false, path);
  }
  assert.equal(layout.place("state", "low").offset, 8);
  assert.throws(() => layout.place("state", "__state"), {
    code: "kernel/unsupported",
    message: /node: its type has no state and no __state/,
  });
});

test("Btf: split BTF numbers on from its base", () => {
  const base = build().btf;
  const node = base.find("node", BtfKind.struct) ?? 0;
  const firstType = base.size;
  const firstName = base.stringLength;
  // Names of its own; the empty one is the base's.
  const names = Buffer.from("late\0whole\0GREEN\0", "latin1");
  const own = (name: string) => firstName + names.indexOf(`${name}\0`);
  const words = [
    ...[own("late"), (BtfKind.struct << 24) | 2, 64],
    ...[own("whole"), node, 0],
    ...[0, firstType + 1, 56 * 8],
    ...[0, (BtfKind.struct << 24) | 1, 8],
    ...[own("late"), firstType + 2, 0],
    ...[0, BtfKind.ptr << 24, firstType],
    ...[0, (BtfKind.enum << 24) | 1, 4],
    ...[own("GREEN"), 9],
  ];
  const blob = Buffer.alloc(24 + words.length * 4 + names.length);
  const header = [0x1_eb9f, 24, 0, words.length * 4, words.length * 4, names.length];
  for (const [i, word] of [...header, ...words].entries()) blob.writeUInt32LE(word, i * 4);
  names.copy(blob, 24 + words.length * 4);
  const split = Btf.parse(new Uint8Array(blob), base);

  assert.equal(split.size, base.size + 4);
  assert.equal(split.find("node", BtfKind.struct), node);
  assert.equal(split.find("late", BtfKind.struct), firstType);
  assert.equal(base.find("late", BtfKind.struct), undefined);
  assert.equal(split.constant("GREEN"), 9n);
  assert.equal(split.constant("BLUE"), 7n);
  assert.equal(split.findAnonymous("late"), firstType + 1);
  assert.equal(split.findAnonymous("seq", "timekeeper"), base.findAnonymous("seq", "timekeeper"));
  const layout = new StructLayout(split, firstType, "late");
  assert.equal(layout.place("whole.id").offset, 48);
  assert.deepEqual(layout.place("late->whole.values[1]").hops, [56]);
  assert.equal(layout.place("late->whole.values[1]").offset, 28);
});
