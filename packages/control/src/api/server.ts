import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { CasemateError } from "@casemate/core";
import swagger from "@fastify/swagger";
import websocket from "@fastify/websocket";
import fastify, { type FastifyInstance, LogController } from "fastify";
import type { Principal } from "../accounts/principal.ts";
import type { Services } from "../services.ts";
import type { ServerCertificate } from "../tls/certificate.ts";
import { answerError } from "./answer-error.ts";
import { authorize } from "./authorize.ts";
import { ErrorDocument } from "./contract/error-document.ts";
import type { Access, Route } from "./route.ts";
import { routes, socketRoutes } from "./routes.ts";
import { serializeWhenAsked } from "./serialize-when-asked.ts";
import { serveSocket, socketOptions } from "./serve-socket.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Who may call the route; registration fails without it. */
    access?: Access;
  }
  interface FastifyRequest {
    /** Undefined until it is authorized. */
    principal: Principal | undefined;
  }
}

const limits = { bodyBytes: 64 * 1024, requestMs: 10_000, idleMs: 65_000 };

/**
 * The API over TLS, not yet listening.
 *
 * Every route is authorized by construction: registering one that does not say who may call it throws.
 */
export async function createServer(
  services: Services,
  certificate: ServerCertificate,
  log: NodeJS.WritableStream,
  signal: AbortSignal,
): Promise<FastifyInstance> {
  const app = fastify({
    https: { cert: certificate.certificate, key: certificate.key, minVersion: "TLSv1.3" },
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    logController: new LogController({ disableRequestLogging: true }),
    logger: {
      level: "info",
      stream: log,
      redact: ["req.headers.authorization", "headers.authorization", "token"],
    },
    schemaController: { compilersFactory: { buildSerializer: serializeWhenAsked } },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true, allErrors: false } },
  });
  app.decorateRequest("principal", undefined);

  app.addHook("onRoute", ({ url, config }) => {
    if (config?.access === undefined) {
      throw new Error(`The route ${url} does not say who may call it.`);
    }
  });
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(securityHeaders).header("x-request-id", request.id);
    const { access } = request.routeOptions.config;
    // Without it there is no such route: the not-found handler answers.
    if (access === undefined) return;
    request.principal = await authorize(request, access, services);
  });
  app.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "none";
    services.metrics.requests.observe(
      { route, status: String(reply.statusCode) },
      reply.elapsedTime / 1_000,
    );
    request.log.info(
      { route, status: reply.statusCode, who: request.principal?.label },
      "answered",
    );
  });
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request) => {
    throw new CasemateError("api/not-found", `Cannot find ${request.method} ${request.url}.`);
  });

  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Casemate", version: "v1", description: "Security for VMs, from outside." },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
    },
  });
  await app.register(websocket, {
    options: socketOptions,
    errorHandler: (error, socket, request) => {
      request.log.info({ err: error }, "a WebSocket broke");
      socket.terminate();
    },
  });
  for (const route of routes) register(app, route, services, signal);
  for (const route of socketRoutes) serveSocket(app, route, services, signal);
  app.get("/openapi.json", { config: { access: "public" }, schema: { hide: true } }, async () =>
    app.swagger(),
  );
  return app;
}

// No HSTS: it would bind every other service of `localhost` to TLS as well.
const securityHeaders = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

function register(
  app: FastifyInstance,
  route: Route,
  services: Services,
  stopping: AbortSignal,
): void {
  const answered = {
    description: route.summary,
    content: { [route.produces]: { schema: route.answer } },
  };
  app.route({
    method: route.method,
    url: route.path,
    config: { access: route.access },
    ...(route.bodyBytes === undefined ? {} : { bodyLimit: route.bodyBytes }),
    schema: {
      summary: route.summary,
      security: route.access === "public" ? [] : [{ token: [] }],
      ...(route.params === undefined ? {} : { params: route.params }),
      ...(route.query === undefined ? {} : { querystring: route.query }),
      ...(route.body === undefined ? {} : { body: route.body }),
      produces: [route.produces],
      response: {
        ...Object.fromEntries(route.statuses.map((status) => [status, answered])),
        default: {
          description: "What went wrong",
          content: { "application/json": { schema: ErrorDocument } },
        },
      },
    },
    handler: async (request, reply) => {
      const { principal } = request;
      if (principal === undefined) {
        throw new CasemateError("auth/required", "Cannot answer this request: nobody asks.");
      }
      const gone = new AbortController();
      reply.raw.once("close", () => gone.abort());
      const answer = await route.handle(
        {
          params: request.params,
          query: request.query,
          body: request.body,
          principal,
          address: request.ip,
          signal: AbortSignal.any([gone.signal, stopping]),
        },
        services,
      );
      reply.type(route.produces);
      if (route.produces === "text/event-stream" || route.produces === "application/x-tar") {
        return reply.send(
          Readable.from(answer as AsyncIterable<string | Uint8Array>), // routes of these kinds return it bit by bit
        );
      }
      return reply.code(route.statusOf(answer)).send(answer);
    },
  });
}
