import assert from "node:assert/strict";
import { test } from "node:test";
import { severities, type TechniqueId, techniques } from "@casemate/inspect";
import { detectors } from "@casemate/inspect/detectors";
import fc from "fast-check";
import { Value } from "typebox/value";
import { captions, detectionFinding } from "../../../test/ocsf-schema.ts";
import type { FindingList } from "../../api/contract/finding.ts";
import { findingStates } from "../findings/finding.ts";
import { formatOcsf } from "./format-ocsf.ts";

const Text = fc.string({ unit: "binary", maxLength: 40 });
const Time = fc
  .date({ min: new Date(0), max: new Date("2100-01-01"), noInvalidDate: true })
  .map((date) => date.toISOString());
// The keys are all there are.
const techniqueIds = Object.keys(techniques) as readonly TechniqueId[];

/** Any finding that there can be, with any texts in it. HOSTILE: those are a guest's. */
const anyFinding: fc.Arbitrary<FindingList["items"][number]> = fc.record(
  {
    id: fc.stringMatching(/^[0-9a-f]{32}$/),
    vm: fc.record({
      ...{ uuid: fc.uuid(), name: Text, host: fc.stringMatching(/^[0-9a-f]{16}$/) },
      ...{ networks: fc.array(Text), labels: fc.array(Text) },
    }),
    detector: fc.constantFrom(...detectors.map(({ id }) => id)),
    ...{ title: Text, severityBy: Text, because: Text, remediation: Text },
    severity: fc.constantFrom(...severities),
    techniques: fc.array(fc.constantFrom(...techniqueIds), { minLength: 1 }),
    needs: fc.array(Text),
    evidence: fc.array(
      fc.record(
        { what: Text, address: Text, seenBytes: Text, disassembly: fc.array(Text) },
        { requiredKeys: ["what"] },
      ),
    ),
    withheld: Text,
    state: fc.constantFrom(...findingStates),
    ...{ firstSeen: Time, lastSeen: Time, changedAt: Time },
    acknowledged: fc.record({ by: Text, until: Time }),
    closed: fc.record({ by: Text, because: Text }),
    note: Text,
  },
  {
    requiredKeys: [
      ...(["id", "vm", "detector", "title", "severity", "severityBy", "because"] as const),
      ...(["techniques", "needs", "remediation", "evidence", "state"] as const),
      ...(["firstSeen", "lastSeen", "changedAt"] as const),
    ],
  },
);

/** What is not as the schema has it. */
function flaws(event: unknown): readonly string[] {
  const json: unknown = JSON.parse(JSON.stringify(event));
  const sent = Object(json);
  return [
    ...Value.Errors(detectionFinding, json).map(
      ({ instancePath, message }) => `${instancePath}: ${message}`,
    ),
    ...Object.entries(captions).flatMap(([name, words]) => {
      const number = sent[name.replace(/_name$/, "") + (name.startsWith("c") ? "_uid" : "_id")];
      return sent[name] === words[number] ? [] : [`${name}: ${sent[name]} for ${number}`];
    }),
    ...(sent.type_uid === sent.class_uid * 100 + sent.activity_id ? [] : ["type_uid"]),
    ...(sent.type_name === `${sent.class_name}: ${sent.activity_name}` ? [] : ["type_name"]),
  ];
}

test("formatOcsf: every finding is an event of the class Detection Finding, by the schema's own tables", () => {
  fc.assert(
    fc.property(
      anyFinding,
      fc.option(fc.constantFrom("Create", "Update", "Close"), { nil: undefined }),
      (finding, activity) => {
        assert.deepEqual(flaws(formatOcsf(finding, "1.2.3", activity)), []);
      },
    ),
    { numRuns: 300 },
  );
});

test("formatOcsf: each technique is named, a sub-technique below its own", () => {
  const [finding] = fc.sample(anyFinding, 1);
  assert.ok(finding);
  for (const id of techniqueIds) {
    const event = formatOcsf({ ...finding, techniques: [id] }, "1.2.3");
    const [attack] = Object(event["finding_info"]).attacks;
    assert.equal((attack.sub_technique ?? attack.technique).uid, id);
    assert.equal(attack.technique.uid, id.split(".")[0]);
    assert.ok(attack.technique.name.length > 2 && attack.technique.name !== id, id);
  }
});

test("detectionFinding: what is missing, of another kind, or no attribute of the class, is a flaw", () => {
  const [finding] = fc.sample(anyFinding, 1);
  assert.ok(finding);
  const event = formatOcsf(finding, "1.2.3");
  for (const name of ["time", "metadata", "severity_id", "finding_info", "class_uid"]) {
    const { [name]: _, ...rest } = event;
    assert.notDeepEqual(flaws(rest), [], name);
  }
  assert.notDeepEqual(flaws({ ...event, severity_id: 7 }), []);
  assert.notDeepEqual(flaws({ ...event, severity: "Fatal" }), []);
  assert.notDeepEqual(flaws({ ...event, time: finding.changedAt }), []);
  assert.notDeepEqual(flaws({ ...event, made_up: 1 }), []);
  assert.notDeepEqual(flaws({ ...event, resources: [{ type: "Virtual Machine" }] }), []);
});
