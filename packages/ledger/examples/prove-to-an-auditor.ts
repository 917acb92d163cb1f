import {
  Ledger,
  LedgerReader,
  parseVerifierKey,
  proveFacts,
  verifyLedgerProof,
} from "@casemate/ledger";

/** Records a fact, proves it, and verifies the proof as somebody would who has nothing but the first key. */
export async function proveToAnAuditor(directory: string): Promise<string> {
  let firstKey = "";
  {
    await using ledger = await Ledger.open(directory, { origin: "example.com/casemate" });
    firstKey = ledger.keys[0]?.key.text ?? ""; // printed, published, handed over on paper

    const fact = await ledger.append({
      kind: "vm/started",
      actor: "account:alice",
      subject: "vm:web01",
      body: { host: "kvm1" },
      sealed: { reason: "ticket 4711 of customer C" }, // the tree holds a salted commitment only
    });
    console.log(`Fact ${fact.index} is on disk.`);
  } // brought under a signed checkpoint as it closes

  const proof = await proveFacts(await LedgerReader.open(directory), [0]);
  const text = JSON.stringify(proof); // what the auditor is sent

  const { facts, checkpoint } = verifyLedgerProof(JSON.parse(text), parseVerifierKey(firstKey));
  return `${facts[0]?.kind} is one of ${checkpoint.size} facts of ${checkpoint.origin}`;
}
