import { type ResolveFnOutput, registerHooks } from "node:module";

/**
 * Has Node find Casemate's own sources without a search: they import each other by whole relative paths,
 * and each workspace package is one place. Modules named `.mjs` are as plain. Node's own way (package scopes,
 * symbolic links, conditions, for every import of hundreds) doubles the time a command takes to start.
 */
export function resolveSources(): void {
  const sources = new URL("../../", import.meta.url).href;
  const packages = new Map<string, ResolveFnOutput>();
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const { parentURL } = context;
      if (parentURL === undefined) return nextResolve(specifier, context);
      const isRelative = specifier.startsWith(".");
      if (isRelative && specifier.endsWith(".mjs")) {
        return { url: new URL(specifier, parentURL).href, format: "module", shortCircuit: true };
      }
      if (!parentURL.startsWith(sources) || parentURL.includes("/node_modules/")) {
        return nextResolve(specifier, context);
      }
      if (isRelative && specifier.endsWith(".ts")) {
        const { href } = new URL(specifier, parentURL);
        return { url: href, format: "module-typescript", shortCircuit: true };
      }
      if (!specifier.startsWith("@casemate/")) return nextResolve(specifier, context);
      const found = packages.get(specifier) ?? nextResolve(specifier, context);
      packages.set(specifier, found);
      return { ...found, shortCircuit: true };
    },
  });
}
