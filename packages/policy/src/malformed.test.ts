import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import fc from "fast-check";
import { parseRight, schemaFile, shippedFiles } from "../test/shipped.ts";
import {
  checkPolicies,
  describeProblem,
  loadPolicies,
  parsePolicies,
  parsePolicyCases,
  parseRequest,
} from "./index.ts";

const problemsOf = (text: string) =>
  parsePolicies([schemaFile, { name: "a.cedar", text }]).problems.map(describeProblem);
const duty = (notes: string, rule = "") =>
  `@id("d") @duty("approval") ${notes}\nforbid (principal, action, resource)${rule};`;
const lifted = ` unless { context.approvals["owner"] >= 1 }`;
const whole = `@by("owner") @expires("1h") @reason("r")`;

test("parsePolicies: a policy that does not parse, with its line", () => {
  const [problem = ""] = problemsOf(
    '// ü\n@id("a") permit (principal, action, resource);\n\n@id("b")\npermit (principal, akshun, resource);',
  );
  assert.match(problem, /^a\.cedar:5: .*akshun/);
  assert.match(problemsOf("permit (principal, action, resource)")[0] ?? "", /^a\.cedar:1: /);
  assert.match(
    problemsOf('@id("a") permit (principal == ?principal, action, resource);')[0] ?? "",
    /slot/,
  );
});

test("parsePolicies: a policy that does not fit the schema, with its line", () => {
  const rule = (body: string) =>
    `@id("a")\npermit (principal, action, resource is VM)\nwhen { ${body} };`;
  assert.match(problemsOf(rule("resource.nome == 1"))[0] ?? "", /^a\.cedar:3: .*nome/);
  assert.match(problemsOf(rule("context.plan.downtime"))[0] ?? "", /^a\.cedar:3: .*plan/);
  assert.match(problemsOf(rule('principal in Role::"root"'))[0] ?? "", /^a\.cedar:3: .*root/);
  assert.match(problemsOf(rule('context.source == Source::"web"'))[0] ?? "", /web/);
  assert.match(
    problemsOf('@id("a") permit (principal, action == Action::"vm.strat", resource);')[0] ?? "",
    /vm\.strat/,
  );
  assert.match(problemsOf(rule("false"))[0] ?? "", /impossible/);
});

test("parsePolicies: annotations that mean nothing", () => {
  const permit = "permit (principal, action, resource);";
  for (const [text, words] of [
    [permit, /no name/],
    [`@id("A b") ${permit}`, /no name|is no name/],
    [`@id("a") ${permit}\n@id("a") ${permit}`, /a\.cedar:2: .*a\.cedar:1/],
    [`@id("a") @raeson("r") ${permit}`, /@raeson/],
    [`@id("a") @reason(" ") ${permit}`, /@reason is empty/],
    [`@id("a") @by("owner") ${permit}`, /without a duty/],
    [`@id("a") @duty("approval") ${whole} ${permit}`, /this is a permit/],
    [duty(whole.replace("owner", "boss"), lifted), /@by\("boss"\)/],
    [duty(whole.replace("1h", "1 hour"), lifted), /@expires/],
    [duty(whole.replace("1h", "31d"), lifted), /@expires/],
    [duty(`@by("owner") @expires("1h")`, lifted), /@reason/],
    [duty(`${whole} @count("0")`, lifted), /@count/],
    [duty(`${whole} @count("2")`, lifted), /would not lift/],
    [duty(whole), /would not lift/],
    [duty(whole, ` when { context.approvals["owner"] >= 1 }`), /would not lift/],
    [duty(whole, ` unless { principal.mfa && context.approvals["owner"] >= 1 }`), /would not lift/],
    [duty(whole, ` unless { context.approvals["auditor"] >= 1 }`), /would not lift/],
    [duty(whole).replace("approval", "prayer"), /@duty\("prayer"\)/],
  ] as const) {
    assert.match(problemsOf(text).join("\n"), words, text);
  }
  assert.deepEqual(problemsOf(duty(whole, lifted)), []);
  assert.deepEqual(
    problemsOf(
      duty(
        whole,
        ` unless { principal.mfa || context.breakGlass || context.approvals["owner"] >= 1 }`,
      ),
    ),
    [],
  );
});

test("parsePolicies: a schema that is not the one Casemate asks by", () => {
  const { text, name } = schemaFile;
  for (const [wrong, words] of [
    ["entity", /casemate\.cedarschema:1: /],
    [text.replace("entity Person;", "entity Person in [Nobody];"), /Nobody/],
    [text.replaceAll("vm.start", "vm.go"), /does not declare action "vm\.start"/],
    [text.replace('action "vm.stop" in ["operate"]', 'action "vm.stop" in ["read"]'), /vm\.stop/],
    [text.replace("mfa: Bool", "mfa: Long"), /does not take what Casemate asks/],
    [text.replace('"auditor", ', ""), /does not take what Casemate asks/],
    [text.replace("source: Source", "source: String"), /does not take what Casemate asks/],
  ] as const) {
    const { problems } = parsePolicies([{ name, text: wrong }]);
    assert.match(problems.map(describeProblem).join("\n"), words);
  }
  assert.match(parsePolicies([]).problems.map(describeProblem).join(), /exactly one schema/);
  assert.equal(parsePolicies([schemaFile, { name: "b.cedarschema", text }]).problems.length, 1);
});

test("parsePolicies: any damage to the shipped policies is refused or leaves a set, never throws", () => {
  const file = shippedFiles.find(({ name }) => name === "duties.cedar");
  assert.ok(file !== undefined);
  fc.assert(
    fc.property(fc.nat(file.text.length - 1), fc.string({ maxLength: 3 }), (at, put) => {
      const text = file.text.slice(0, at) + put + file.text.slice(at + 1);
      const { set, problems } = parsePolicies([schemaFile, { name: file.name, text }]);
      assert.equal(set === undefined, problems.length > 0);
    }),
    { numRuns: 10 },
  );
});

test("parsePolicies: the version is what sha256sum says, and changes with every byte of the rules", () => {
  const set = parseRight(shippedFiles);
  const sum = (text: string) => createHash("sha256").update(text).digest("hex");
  const rules = shippedFiles.filter(({ name }) => /\.(cedar|cedarschema)$/.test(name));
  assert.equal(set.version, sum(rules.map(({ name, text }) => `${sum(text)}  ${name}\n`).join("")));
  const other = rules.map((each, index) =>
    index === 1 ? { ...each, text: `${each.text} ` } : each,
  );
  assert.notEqual(parseRight(other).version, set.version);
  assert.equal(parseRight(rules.toReversed()).version, set.version);
});

test("loadPolicies: refuses the whole directory for one bad line, and says how many more", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "casemate-policy-"));
  t.after(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, schemaFile.name), schemaFile.text);
  await writeFile(join(directory, "a.cedar"), '@id("a") permit (principal, action, resource);');
  assert.equal((await loadPolicies(directory)).policies.length, 1);
  await writeFile(join(directory, "b.cedar"), "permit (principal, action, resource);\nforbid;");
  await assert.rejects(loadPolicies(directory), (thrown: unknown) => {
    assert.ok(thrown instanceof CasemateError && thrown.code === "policy/invalid");
    assert.match(thrown.message, /b\.cedar:1: .*; 1 more like it\.$/);
    return true;
  });
  assert.equal((await checkPolicies(directory)).length, 2);
  await assert.rejects(loadPolicies(join(directory, "nosuch")), /Cannot read the policies/);
});

test("parsePolicyCases: what is no case is refused, with where it stands", () => {
  const parse = (value: unknown, name = "a.test.json") =>
    parsePolicyCases([{ name, text: typeof value === "string" ? value : JSON.stringify(value) }]);
  const right = { name: "x", request: { action: "vm.start" }, expect: { decision: "denied" } };
  assert.equal(parse({ cases: [right] }).length, 1);
  assert.equal(parse({ cases: [right] }, "a.json").length, 0);
  for (const [value, words] of [
    ["{", /a\.test\.json/],
    [[], /expected an object/],
    [{ cases: {} }, /cases is \{\}, expected a list/],
    [{ cases: [right], more: 1 }, /more is unknown/],
    [{ cases: [{ ...right, expected: {} }] }, /cases\[0\]\.expected is unknown/],
    [{ cases: [{ ...right, expect: { decision: "allow" } }] }, /cases\[0\]\.expect\.decision/],
    [{ cases: [{ ...right, request: { action: "vm.go" } }] }, /the case "x".* action is "vm\.go"/],
    [{ cases: [right, right] }, /"x" is in a\.test\.json already/],
  ] as const) {
    assert.throws(() => parse(value), words);
  }
});

test("parseRequest: unknown keys and wrong values are refused, with where they stand", () => {
  for (const [value, words] of [
    [undefined, /expected an object/],
    [{}, /action is absent/],
    [{ action: "vm.start", subject: 1 }, /subject is unknown/],
    [{ action: "vm.start", principal: { roles: ["root"] } }, /principal\.roles/],
    [{ action: "vm.start", principal: { admin: true } }, /principal\.admin is unknown/],
    [{ action: "vm.start", resource: { kind: "disk" } }, /resource\.kind/],
    [{ action: "vm.start", resource: { requester: "x" } }, /resource\.requester is unknown/],
    [{ action: "vm.start", context: { approvals: [{ role: "owner" }] } }, /approvals\[0\]\.person/],
    [{ action: "vm.start", context: { plan: { diskBytes: -1 } } }, /context\.plan\.diskBytes/],
    [{ action: "vm.start", context: { source: "web" } }, /context\.source/],
  ] as const) {
    assert.throws(() => parseRequest(value, "the request"), words);
  }
});
