import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Starts an OpenID provider; disposing ends its process. */
export async function startOidcProvider(): Promise<Disposable & { readonly issuer: string }> {
  const program = join(import.meta.dirname, "oidc-provider.ts");
  const child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "ignore"] });
  const [issuer] = await once(createInterface(child.stdout), "line");
  return { issuer: String(issuer), [Symbol.dispose]: () => void child.kill("SIGKILL") };
}

/** A browser whose person is `subject`: follows `url` until it leads to `end`, and says where that was. */
export async function browse(url: string, end: string, subject: string): Promise<string> {
  const cookies = new Map<string, string>();
  let at = new URL(url);
  for (let hops = 0; hops < 10; hops++) {
    if (at.href.startsWith(end)) return at.href;
    const response = await fetch(at, {
      redirect: "manual",
      headers: {
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; "),
        "x-subject": subject,
      },
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get("location");
    if (location === null) throw new Error(`${at} leads nowhere: ${await response.text()}`);
    at = new URL(location, at);
  }
  throw new Error(`${url} does not lead to ${end}`);
}
