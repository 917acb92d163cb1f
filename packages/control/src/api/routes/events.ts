import { Type } from "typebox";
import { defineRoute } from "../route.ts";

export const events = defineRoute({
  path: "/api/v1/events",
  summary: "What happens at the hosts, as server-sent events; each `data` is an Event document",
  access: { action: "system.read" },
  answer: Type.String(),
  produces: "text/event-stream",
  async handle({ signal }, { events }) {
    return walkServerSent(events.listen(signal));
  },
});

/** The format of the HTML standard, 9.2.6: a comment first, so that the reader knows it is connected. */
async function* walkServerSent(documents: AsyncIterable<string>): AsyncGenerator<string> {
  yield ": connected\n\n";
  for await (const document of documents) yield `data: ${document}\n\n`;
}
