import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttp, type IncomingMessage } from "node:http";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createServer as createTls } from "node:tls";
import { minute, openFindings } from "../../../test/findings.fixture.ts";
import { people } from "../../../test/spine.fixture.ts";
import { someDetector, suspicionOf, verdictOf } from "../../../test/verdicts.ts";
import { showFinding } from "../../api/show-finding.ts";
import { openCertificate } from "../../tls/certificate.ts";
import type { Finding } from "../findings/finding.ts";
import type { Message } from "./channel.ts";
import { formatFindingsSarif } from "./format-findings-sarif.ts";
import { formatOcsf } from "./format-ocsf.ts";
import { formatSyslog } from "./format-syslog.ts";
import { keepDeliveries } from "./keep-deliveries.ts";
import { openChannels } from "./open-channels.ts";
import { parseSyslogAddress, syslog } from "./syslog.ts";
import { signWebhook, webhook } from "./webhook.ts";

const never = new AbortController().signal;
const secret = Buffer.from("0123456789abcdef0123456789abcdef");

async function scratch(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "casemate-outward-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A finding as the API shows it, with all that a guest may try to end a line by. */
async function someFinding(t: TestContext): Promise<Message> {
  const { sweep, only } = await openFindings(t);
  const title = 'Process "]x" \u001b[2J\n<13>1 - evil {0} [a](b) \u2028';
  await sweep(verdictOf([suspicionOf("1", { title, techniques: ["T1055.008"] })]));
  const finding = showFinding(await only(), undefined);
  return { id: "m.1", at: finding.changedAt, what: "raised", activity: "Create", finding };
}

function portOf(server: { address(): unknown }): number {
  return (server.address() as AddressInfo).port; // it listens on a port
}

async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

test("formatSyslog: a line of RFC 5424 that nothing of a guest's ends", async (t) => {
  const message = await someFinding(t);
  const line = formatSyslog(message);
  assert.match(
    line,
    /^<107>1 \d{4}-\d\d-\d\dT[\d:.]+Z \S+ casemate \d+ finding \[casemate@32473 finding="[0-9a-f]{32}" what="raised" state="open" severity="high" /,
  );
  assert.doesNotMatch(line, /\p{Cc}|\u2028/u);
  const { finding } = message;
  const odd = { ...message, finding: { ...finding, vm: { ...finding.vm, name: 'a"]\\b' } } };
  assert.match(formatSyslog(odd), / vm="a\\"\\\]\\\\b" /);
});

test("syslog: by UDP, and counted by TCP, TLS and a socket of this machine", async (t) => {
  const message = await someFinding(t);
  const directory = await scratch(t);
  const line = formatSyslog(message);
  const counted = `${Buffer.byteLength(line)} ${line}`;
  const send = (address: string, authorities?: string) =>
    syslog({
      ...{ name: "log", least: "low", authorities },
      address: parseSyslogAddress(address),
    }).send(message, never);

  const udp = createSocket("udp4");
  t.after(() => udp.close());
  udp.bind(0, "127.0.0.1");
  await once(udp, "listening");
  const datagram = once(udp, "message");
  await send(`udp://127.0.0.1:${udp.address().port}`);
  const [bytes] = await datagram;
  assert.equal(String(bytes), line);

  const { certificate, key } = await openCertificate(directory);
  const path = join(directory, "log.sock");
  for (const [server, place] of [
    [createServer(), "tcp"],
    [createServer(), "unix"],
    [createTls({ cert: certificate, key }), "tls"],
  ] as const) {
    t.after(() => server.close());
    if (place === "unix") server.listen(path);
    else server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const got = once(server, place === "tls" ? "secureConnection" : "connection");
    const address = place === "unix" ? `unix:${path}` : `${place}://localhost:${portOf(server)}`;
    const sending = send(address, place === "tls" ? certificate : undefined);
    const [socket] = await got;
    assert.equal(await readAll(socket), counted, place);
    await sending;
    if (place === "tls") await assert.rejects(send(address), "nobody vouches for it");
  }
  await assert.rejects(send(`unix:${directory}/nobody.sock`), { code: "ENOENT" });
});

test("webhook: signed so that the receiver can tell; only 2xx is a yes", async (t) => {
  const message = await someFinding(t);
  let status = 200;
  const got: { readonly request: IncomingMessage; readonly body: string }[] = [];
  const server = createHttp(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    got.push({ request, body: Buffer.concat(chunks).toString("utf8") });
    response.writeHead(status, { location: "https://elsewhere.invalid/" }).end("thanks");
  });
  t.after(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${portOf(server)}/hook`;
  const channel = webhook({ name: "siem", url, secret, least: "low", version: "1.2.3" });
  await channel.send(message, never);
  const [first] = got;
  assert.ok(first);
  const { headers } = first.request;
  const [id, timestamp] = [headers["webhook-id"], headers["webhook-timestamp"]].map(String);
  assert.equal(id, message.id);
  const expected = signWebhook(secret, id ?? "", timestamp ?? "", first.body);
  assert.equal(headers["webhook-signature"], `v1,${expected}`);
  assert.equal(JSON.parse(first.body).class_uid, 2004);
  for (status of [302, 400, 500]) {
    await assert.rejects(channel.send(message, never), { code: "notify/refused" });
  }
});

test("signWebhook: the example of Standard Webhooks", () => {
  // Of the specification's own libraries' tests.
  const key = Buffer.from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64");
  const signature = signWebhook(
    key,
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "1614265330",
    '{"test": 2432232314}',
  );
  assert.equal(signature, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
});

test("formatOcsf: what the class Detection Finding requires, and a sub-technique below its technique", async (t) => {
  const { finding } = await someFinding(t);
  const event = formatOcsf(finding, "1.2.3");
  // Required by base_event, finding, metadata, product, finding_info, remediation and evidences of OCSF 1.4.0.
  const required = ["activity_id", "category_uid", "class_uid", "finding_info", "metadata"];
  for (const name of [...required, "severity_id", "time", "type_uid"])
    assert.ok(name in event, name);
  assert.equal(event["type_uid"], 200_401);
  assert.equal(event["severity_id"], 4);
  assert.equal(event["time"], Date.parse(finding.changedAt));
  assert.deepEqual({ ...Object(event["finding_info"]) }.attacks, [
    {
      technique: { uid: "T1055", name: "Process Injection" },
      sub_technique: { uid: "T1055.008", name: "Ptrace System Calls" },
      version: "16",
    },
  ]);
  assert.equal(formatOcsf({ ...finding, state: "closed" }, "1.2.3")["activity_name"], "Close");
});

test("formatFindingsSarif: detectors are rules, what is known is suppressed, no text is a link", async (t) => {
  const { finding } = await someFinding(t);
  const known = { ...finding, state: "acknowledged" as const, note: "Ours." };
  const log = JSON.parse(JSON.stringify(formatFindingsSarif([finding, known], "1.2.3")));
  const [run] = log.runs;
  assert.deepEqual(
    run.tool.driver.rules.map(({ id }: { id: string }) => id),
    [someDetector],
  );
  assert.equal(run.results[0].partialFingerprints["casemate/v1"], finding.id);
  assert.equal(run.results[0].suppressions, undefined);
  assert.equal(run.results[1].suppressions[0].justification, "Ours.");
  assert.doesNotMatch(run.results[0].message.text, /\]\(/);
});

test("openChannels: what is written wrong, or a secret that others can read, is refused", async (t) => {
  const directory = await scratch(t);
  assert.deepEqual(await openChannels(directory, "1"), []);
  const write = (config: object) =>
    writeFile(join(directory, "notify.json"), JSON.stringify(config));
  const hook = { name: "siem", url: "https://siem.invalid/", secretFile: "secret" };
  await writeFile(join(directory, "secret"), secret.toString("hex"));
  await write({ webhooks: [hook] });
  await chmod(join(directory, "secret"), 0o640);
  await assert.rejects(openChannels(directory, "1"), { message: /its mode is 640/ });
  await chmod(join(directory, "secret"), 0o600);
  assert.deepEqual(
    (await openChannels(directory, "1")).map(({ name }) => name),
    ["siem"],
  );
  for (const [config, said] of [
    [{ webhooks: [{ ...hook, url: "http://siem.invalid/" }] }, /no TLS/],
    [{ webhooks: [{ ...hook, sekret: "x" }] }, /webhooks/],
    [{ webhooks: [hook, hook] }, /two are named siem/],
    [{ syslog: [{ name: "log", address: "udp://a b:1:2" }] }, /syslog address/],
  ] as const) {
    await write(config);
    await assert.rejects(openChannels(directory, "1"), { code: "config/invalid", message: said });
  }
  await writeFile(join(directory, "secret"), "short");
  await write({ webhooks: [hook] });
  await assert.rejects(openChannels(directory, "1"), { message: /it holds 5 bytes/ });
});

test("keepDeliveries: in order, again until it is taken, once more after a restart, from where it was", async (t) => {
  const { sweep, only, ledger, store, findings, changes } = await openFindings(t);
  const told: string[] = [];
  let refusals = 1;
  const channel = {
    ...{ name: "siem", least: "high" as const },
    async send({ what, finding }: Message) {
      if (refusals-- > 0) throw new Error("not now");
      told.push(`${what} ${finding.state}`);
    },
  };
  const failures: unknown[] = [];
  const parts = {
    ...{ ledger, db: store.db, findings, onAlarm: assert.fail },
    rules: { channelsOf: () => undefined },
    onFailure: (thrown: unknown) => failures.push(thrown),
  };
  await sweep(verdictOf([suspicionOf("before")]));
  {
    await using deliveries = await keepDeliveries([channel], parts);
    await sweep(verdictOf([suspicionOf("before"), suspicionOf("small", { severity: "low" })]));
    await sweep(verdictOf([]));
    deliveries.wake();
    while (told.length < 1) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(failures.length, 1);
  assert.deepEqual(told, ["closed closed"]);
  await sweep(verdictOf([suspicionOf("after")]));
  const after = changes.at(-1)?.finding.id ?? "";
  const until = new Date(Date.now() + minute).toISOString();
  await findings.acknowledge(after, people.sofia, { until, note: "known" });
  {
    await using _deliveries = await keepDeliveries([channel], parts);
    while (told.length < 3) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.deepEqual(told.slice(1), ["raised acknowledged", "acknowledged acknowledged"]);
  await assert.rejects(only());
});

test("keepDeliveries: where a rule names channels those alone are told, however bad it is", async (t) => {
  const { sweep, ledger, store, findings } = await openFindings(t);
  const told: string[] = [];
  const channelOf = (name: string) => ({
    ...{ name, least: "high" as const },
    async send({ finding: { severity } }: Message) {
      told.push(`${name} ${severity}`);
    },
  });
  const rules = {
    channelsOf: ({ severity }: Finding) => (severity === "low" ? ["night"] : undefined),
  };
  const unexpected = (thrown: unknown) => assert.fail(String(thrown));
  const parts = {
    ...{ ledger, findings, rules, onAlarm: unexpected, onFailure: unexpected },
    db: store.db,
  };
  await using deliveries = await keepDeliveries([channelOf("siem"), channelOf("night")], parts);
  await sweep(verdictOf([suspicionOf("small", { severity: "low" })]));
  deliveries.wake();
  await sweep(verdictOf([suspicionOf("small", { severity: "low" }), suspicionOf("large")]));
  deliveries.wake();
  while (told.length < 3) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(told.toSorted(), ["night high", "night low", "siem high"]);
});
