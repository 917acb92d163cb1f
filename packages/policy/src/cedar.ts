/**
 * What is used of Cedar (docs.cedarpolicy.com), through its WebAssembly build. The build for Node is taken:
 * the one for bundlers asks for a flag of Node that makes WebAssembly a module.
 */
export {
  type AuthorizationAnswer,
  type CedarValueJson,
  type DetailedError,
  type EntityJson,
  type EntityUid,
  type Expr,
  isAuthorized,
  type PolicyJson,
  policyToJson,
  preparsePolicySet,
  preparseSchema,
  type StatefulAuthorizationCall,
  schemaToJson,
  statefulIsAuthorized,
  validate,
} from "@cedar-policy/cedar-wasm/nodejs";
