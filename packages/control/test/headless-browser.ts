import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

/** Debian's Chromium without windows. */
export const browserProgram = "/usr/bin/chromium-headless-shell";

/** A page of a browser that runs for a test alone, steered through the Chrome DevTools Protocol. */
export interface BrowserPage extends AsyncDisposable {
  /** A command of the protocol, as `WebAuthn.enable`. Throws what the browser answers as an error. */
  send(method: string, params?: object): Promise<Reply>;
  /** The value of an expression in the page; a promise is awaited. Throws what it throws. */
  evaluate(expression: string): Promise<unknown>;
}

type Reply = Readonly<Record<string, unknown>>;

/**
 * A page at `url`, loaded.
 *
 * @param trusted SHA-256 of the public key (SPKI, base64) whose certificates are trusted whoever signed them.
 */
export async function openPage(url: string, trusted: string): Promise<BrowserPage> {
  await using stack = new AsyncDisposableStack();
  const profile = await mkdtemp(join(tmpdir(), "casemate-browser-"));
  stack.defer(() => rm(profile, { recursive: true, force: true }));
  const protocol = stack.use(startBrowser(profile, trusted));

  const { targetId } = await protocol.call("Target.createTarget", { url: "about:blank" });
  const how = { targetId, flatten: true };
  const { sessionId } = await protocol.call("Target.attachToTarget", how);
  const send = (method: string, params = {}) => protocol.call(method, params, String(sessionId));
  await send("Page.enable");
  const loaded = protocol.event("Page.loadEventFired");
  const { errorText } = await send("Page.navigate", { url });
  if (errorText !== undefined) throw new Error(`the page is not shown: ${String(errorText)}`);
  await loaded;

  const owned = stack.move();
  return {
    send,
    async evaluate(expression) {
      const asked = { expression, awaitPromise: true, returnByValue: true, userGesture: true };
      const answer = (await send("Runtime.evaluate", asked)) as unknown as Evaluated; // as the protocol says
      const { result, exceptionDetails } = answer;
      if (exceptionDetails === undefined) return result.value;
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Runtime.evaluate's answer, as far as it is used. */
interface Evaluated {
  readonly result: { readonly value?: unknown };
  readonly exceptionDetails?: {
    readonly text: string;
    readonly exception?: { readonly description?: string };
  };
}

/** What goes to and comes from a browser. */
interface Protocol extends AsyncDisposable {
  call(method: string, params: object, sessionId?: string): Promise<Reply>;
  /** Resolves at the next event of this name. */
  event(method: string): Promise<void>;
}

/** A browser that ends when it is disposed of, or with this process: its pipes close then. */
function startBrowser(profile: string, trusted: string): Protocol {
  const browser = spawn(
    browserProgram,
    [
      // Its sandbox does not start as root; the only page it shows is ours.
      ...["--no-sandbox", "--remote-debugging-pipe", `--user-data-dir=${profile}`],
      ...["--disable-background-networking", "--no-first-run"],
      `--ignore-certificate-errors-spki-list=${trusted}`,
    ],
    { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"], detached: true },
  );
  const [, , , input, output] = browser.stdio as [null, null, null, Writable, Readable]; // as `stdio` says
  const waiting = new Map<number | string, PromiseWithResolvers<Reply>>();
  const ended = once(browser, "exit");
  browser.once("exit", () => {
    for (const each of waiting.values()) each.reject(new Error("the browser ended"));
  });
  input.on("error", () => {}); // it ended: what waits hears of that
  const expect = (what: number | string) => {
    const promised = Promise.withResolvers<Reply>();
    waiting.set(what, promised);
    return promised.promise;
  };
  let text = "";
  output.setEncoding("utf8").on("data", (chunk: string) => {
    const messages = `${text}${chunk}`.split("\0");
    text = messages.pop() ?? "";
    for (const message of messages) {
      const { id, method, error, result = {} } = JSON.parse(message);
      const asked = waiting.get(id ?? method);
      waiting.delete(id ?? method);
      if (error === undefined) asked?.resolve(result);
      else asked?.reject(new Error(error.message));
    }
  });
  let last = 0;
  return {
    async call(method, params, sessionId) {
      last += 1;
      const answer = expect(last);
      input.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
      return await answer;
    },
    async event(method) {
      await expect(method);
    },
    async [Symbol.asyncDispose]() {
      // Its helpers are in its process group; each would else find out by itself that it is gone.
      if (browser.pid !== undefined && browser.exitCode === null)
        process.kill(-browser.pid, "SIGKILL");
      await ended;
    },
  };
}
