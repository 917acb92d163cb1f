import { Type } from "typebox";
import { asDocument, documentOf } from "../contract/document.ts";
import { defineRoute } from "../route.ts";

const ApprovalKey = documentOf("ApprovalKey", {
  publicKey: Type.Union([Type.Null(), Type.String()], {
    description: "Raw Ed25519 (RFC 8032), base64; null where the account has none.",
  }),
});

export const approvalKey = defineRoute({
  path: "/api/v1/account/approval-key",
  summary: "The key that the caller approves with",
  access: "signed-in",
  answer: ApprovalKey,
  async handle({ principal }, { approvalKeys }) {
    const publicKey = (await approvalKeys.find(principal.account)) ?? null;
    return asDocument("ApprovalKey", { publicKey });
  },
});

export const addApprovalKey = defineRoute({
  method: "POST",
  path: "/api/v1/account/approval-key",
  summary: "Make this the key that the caller approves with",
  access: "signed-in",
  body: Type.Object({ publicKey: Type.String({ maxLength: 64 }) }, { additionalProperties: false }),
  answer: ApprovalKey,
  async handle({ principal, body: { publicKey } }, { approvalKeys }) {
    await approvalKeys.add(principal, publicKey);
    return asDocument("ApprovalKey", { publicKey });
  },
});

export const revokeApprovalKey = defineRoute({
  method: "DELETE",
  path: "/api/v1/accounts/:account/approval-key",
  summary: "Take an account's approval key away, so that it can have another",
  access: { action: "account.manage" },
  params: Type.Object({ account: Type.String({ minLength: 1, maxLength: 64 }) }),
  answer: ApprovalKey,
  async handle({ principal, params: { account } }, { approvalKeys }) {
    await approvalKeys.revoke(account, principal);
    return asDocument("ApprovalKey", { publicKey: null });
  },
});
