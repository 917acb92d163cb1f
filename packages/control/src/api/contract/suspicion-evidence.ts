import { Type } from "typebox";

const Text = Type.Optional(Type.String());
const Texts = Type.Optional(Type.Array(Type.String()));

/** By what a suspicion can be checked: where, what was expected there and what was seen. */
export const SuspicionEvidence = Type.Object(
  {
    what: Type.String(),
    address: Text,
    expected: Text,
    seen: Text,
    expectedBytes: Text,
    seenBytes: Text,
    disassembly: Texts,
    path: Texts,
  },
  { additionalProperties: false },
);
