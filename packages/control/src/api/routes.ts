import type { Route } from "./route.ts";
import {
  account,
  accountSessions,
  accounts,
  bindIdentity,
  createAccount,
  disableAccount,
  enableAccount,
  endSession,
  endSessions,
  removeAccountPasskey,
  removeIdentity,
  removeTotp,
  resetPassword,
  setRoles,
  unlockAccount,
} from "./routes/accounts.ts";
import {
  accountTokens,
  apiTokens,
  issueApiToken,
  revokeAccountToken,
  revokeApiToken,
} from "./routes/api-tokens.ts";
import { addApprovalKey, approvalKey, revokeApprovalKey } from "./routes/approval-key.ts";
import { breakGlassUses, reviewBreakGlass, sealBreakGlass } from "./routes/break-glass.ts";
import { check } from "./routes/check.ts";
import { vmConsole } from "./routes/console.ts";
import { events } from "./routes/events.ts";
import { evidence, evidenceBundle, evidences } from "./routes/evidence.ts";
import { exposures } from "./routes/exposures.ts";
import { fileEvents } from "./routes/file-events.ts";
import { acknowledgeFinding, closeFinding, finding, findings } from "./routes/findings.ts";
import { frozenView } from "./routes/frozen-view.ts";
import { health } from "./routes/health.ts";
import { hook } from "./routes/hook.ts";
import { hosts } from "./routes/hosts.ts";
import {
  beginOidcLogin,
  beginPasskeyLogin,
  login,
  oidcLogin,
  passkeyLogin,
} from "./routes/login.ts";
import { metrics } from "./routes/metrics.ts";
import { hostOperation, systemOperation, vmOperation } from "./routes/operations.ts";
import {
  addPasskey,
  addTotp,
  beginPasskey,
  beginTotp,
  changePassword,
  endOwnSession,
  logout,
  ownAccount,
  ownSessions,
  removePasskey,
  whoAmI,
} from "./routes/own-account.ts";
import {
  approveRequest,
  cancelRequest,
  rejectRequest,
  request,
  requests,
} from "./routes/requests.ts";
import { scan } from "./routes/scan.ts";
import { snapshots } from "./routes/snapshots.ts";
import { view } from "./routes/view.ts";
import { vm, vms } from "./routes/vms.ts";
import { sweepVm, vmWatch } from "./routes/watch.ts";
import type { SocketRoute } from "./socket-route.ts";

/** Every route that is a WebSocket. */
export const socketRoutes: readonly SocketRoute[] = [vmConsole];

/** Every other route of the API but `/openapi.json`, which is made from them. */
export const routes: readonly Route[] = [
  health,
  metrics,
  hosts,
  vms,
  vm,
  view,
  frozenView,
  snapshots,
  scan,
  check,
  fileEvents,
  exposures,
  findings,
  finding,
  acknowledgeFinding,
  closeFinding,
  evidences,
  evidence,
  evidenceBundle,
  vmWatch,
  sweepVm,
  events,
  vmOperation,
  hostOperation,
  systemOperation,
  requests,
  request,
  approveRequest,
  rejectRequest,
  cancelRequest,
  hook,
  approvalKey,
  addApprovalKey,
  revokeApprovalKey,
  breakGlassUses,
  sealBreakGlass,
  reviewBreakGlass,
  login,
  beginPasskeyLogin,
  passkeyLogin,
  beginOidcLogin,
  oidcLogin,
  logout,
  whoAmI,
  ownAccount,
  changePassword,
  beginTotp,
  addTotp,
  beginPasskey,
  addPasskey,
  removePasskey,
  ownSessions,
  endOwnSession,
  accounts,
  account,
  createAccount,
  setRoles,
  disableAccount,
  enableAccount,
  unlockAccount,
  resetPassword,
  removeTotp,
  removeAccountPasskey,
  bindIdentity,
  removeIdentity,
  accountSessions,
  endSession,
  endSessions,
  apiTokens,
  issueApiToken,
  revokeApiToken,
  accountTokens,
  revokeAccountToken,
];
