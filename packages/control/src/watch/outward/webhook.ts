import { createHmac } from "node:crypto";
import { CasemateError } from "@casemate/core";
import type { Severity } from "@casemate/inspect";
import type { Channel } from "./channel.ts";
import { formatOcsf } from "./format-ocsf.ts";

/** How long an answer may take, in milliseconds. */
const PATIENCE = 15_000;

/**
 * Findings as OCSF events by HTTP, each signed with HMAC-SHA256 as Standard Webhooks 1.0 says
 * (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md).
 */
export function webhook(options: {
  readonly name: string;
  readonly url: string;
  readonly secret: Uint8Array;
  readonly least: Severity;
  /** Of Casemate. */
  readonly version: string;
}): Channel {
  const { name, url, secret, least, version } = options;
  return {
    ...{ name, least },
    async send({ id, finding, activity }, signal) {
      const body = JSON.stringify(formatOcsf(finding, version, activity));
      const timestamp = String(Math.floor(Date.now() / 1_000));
      const response = await fetch(url, {
        method: "POST",
        body,
        // A secret is for the one that was named.
        redirect: "manual",
        signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
        headers: {
          "content-type": "application/json",
          "user-agent": `Casemate/${version}`,
          "webhook-id": id,
          "webhook-timestamp": timestamp,
          "webhook-signature": `v1,${signWebhook(secret, id, timestamp, body)}`,
        },
      });
      await response.body?.cancel();
      if (response.ok) return;
      throw new CasemateError(
        "notify/refused",
        `Cannot tell ${name} of finding ${finding.id}: it answers ${response.status}, expected 2xx.`,
      );
    },
  };
}

/** Over the message's id, its time in seconds since 1970 and its body, in base64. */
export function signWebhook(
  secret: Uint8Array,
  id: string,
  timestamp: string,
  body: string,
): string {
  return createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64");
}
