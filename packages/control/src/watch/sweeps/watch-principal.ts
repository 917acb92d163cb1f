import type { Principal } from "../../accounts/principal.ts";
import { watchActor } from "../findings/finding-facts.ts";

/** Who sweeps and answers findings: Casemate itself, with the rights that policies give it. No account can have its name. */
export const watchPrincipal: Principal = {
  id: watchActor,
  account: watchActor,
  person: watchActor,
  roles: [],
  mfa: false,
  method: "local",
  scopes: "all",
  credential: watchActor,
  label: watchActor,
};
