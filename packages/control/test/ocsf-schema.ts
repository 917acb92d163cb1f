import { type TObject, type TSchema, Type } from "typebox";

/**
 * The class Detection Finding (2004) of OCSF, as far as findings use it: what github.com/ocsf/ocsf-schema has
 * in events/base_event.json, events/findings/{finding,detection_finding}.json and objects/. Where its versions
 * differ, the stricter one counts; an attribute that is not here is refused.
 */
const Text = Type.String();
/** `timestamp_t`: milliseconds since 1970. */
const Time = Type.Integer({ minimum: 0 });
/** An enumeration that is another's caption: its number decides. */
const oneOf = (values: readonly number[]) => Type.Union(values.map((value) => Type.Literal(value)));

function object(
  required: Readonly<Record<string, TSchema>>,
  optional: Readonly<Record<string, TSchema>> = {},
  constraints: { readonly atLeastOne?: readonly string[] } = {},
): TObject {
  const { atLeastOne } = constraints;
  const options = {
    additionalProperties: false,
    // `at_least_one` of the schema's constraints.
    ...(atLeastOne === undefined
      ? {}
      : { anyOf: atLeastOne.map((name) => ({ required: [name] })) }),
  };
  const others = Object.entries(optional).map(([name, type]) => [name, Type.Optional(type)]);
  return Type.Object({ ...required, ...Object.fromEntries(others) }, options);
}

/** `_entity`: known by a name, an id, or both. */
const entity = { name: Text, uid: Text };
const anEntity = { atLeastOne: ["name", "uid"] };

const Technique = object({}, { ...entity, src_url: Text }, anEntity);

const Attack = object(
  {},
  { technique: Technique, sub_technique: Technique, version: Text },
  { atLeastOne: ["tactic", "technique", "sub_technique"] },
);

const FindingInfo = object(
  { uid: Text, title: Text },
  {
    analytic: object(
      { type_id: oneOf([0, 1, 2, 3, 4, 99]) },
      { ...entity, type: Text, version: Text, desc: Text, category: Text },
      anEntity,
    ),
    attacks: Type.Array(Attack),
    ...{ created_time: Time, first_seen_time: Time, last_seen_time: Time, modified_time: Time },
    ...{ desc: Text, src_url: Text, product_uid: Text },
    ...{ types: Type.Array(Text), data_sources: Type.Array(Text) },
  },
);

const Metadata = object(
  {
    version: Type.String({ pattern: "^\\d+\\.\\d+\\.\\d+$" }),
    product: object({ vendor_name: Text }, { ...entity, version: Text, lang: Text }, anEntity),
  },
  { uid: Text, labels: Type.Array(Text), profiles: Type.Array(Text), correlation_uid: Text },
);

export const detectionFinding = object(
  {
    activity_id: oneOf([0, 1, 2, 3, 99]),
    category_uid: oneOf([2]),
    class_uid: oneOf([2004]),
    type_uid: oneOf([0, 1, 2, 3, 99].map((activity) => 200_400 + activity)),
    severity_id: oneOf([0, 1, 2, 3, 4, 5, 6, 99]),
    time: Time,
    metadata: Metadata,
    finding_info: FindingInfo,
  },
  {
    ...{ activity_name: Text, category_name: Text, class_name: Text, type_name: Text },
    ...{ severity: Text, status: Text, message: Text, comment: Text },
    status_id: oneOf([0, 1, 2, 3, 4, 5, 6, 99]),
    is_alert: Type.Boolean(),
    remediation: object({ desc: Text }, { references: Type.Array(Text) }),
    resources: Type.Array(
      object(
        {},
        { ...entity, type: Text, labels: Type.Array(Text), data: Type.Unknown(), version: Text },
        anEntity,
      ),
    ),
    // Of more than a dozen kinds of evidence the one that fits.
    evidences: Type.Array(object({}, { data: Type.Unknown() }, { atLeastOne: ["data"] })),
    unmapped: Type.Object({}, { additionalProperties: true }),
  },
);

/** The captions of numbers, where an event has both. */
export const captions: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  activity_name: { 0: "Unknown", 1: "Create", 2: "Update", 3: "Close", 99: "Other" },
  severity: {
    ...{ 0: "Unknown", 1: "Informational", 2: "Low", 3: "Medium" },
    ...{ 4: "High", 5: "Critical", 6: "Fatal", 99: "Other" },
  },
  status: {
    ...{ 0: "Unknown", 1: "New", 2: "In Progress", 3: "Suppressed" },
    ...{ 4: "Resolved", 5: "Archived", 6: "Deleted", 99: "Other" },
  },
  class_name: { 2004: "Detection Finding" },
  category_name: { 2: "Findings" },
};
