/** An event of the HTML standard, 9.2.6: what it is called, and its data. */
export interface ServerSentEvent {
  readonly type: string;
  readonly data: string;
}

/**
 * The events of a stream, comments left out; what is cut short at its end is none. Throws where one takes more than
 * `mostBytes`.
 */
export async function* walkServerSent(
  stream: AsyncIterable<Uint8Array>,
  mostBytes: number,
): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let held = "";
  for await (const chunk of stream) {
    held += decoder.decode(chunk, { stream: true });
    const blocks = held.split("\n\n");
    held = blocks.pop() ?? "";
    if (held.length > mostBytes) throw new Error("an event of its answer has no end");
    for (const block of blocks) {
      const event = parseEvent(block);
      if (event !== undefined) yield event;
    }
  }
}

function parseEvent(block: string): ServerSentEvent | undefined {
  const fields = block.split("\n").map((line) => /^([^:]*):? ?(.*)$/s.exec(line) ?? []);
  const data = fields.flatMap(([, name, value = ""]) => (name === "data" ? [value] : []));
  const type = fields.find(([, name]) => name === "event")?.[2] ?? "message";
  return data.length === 0 ? undefined : { type, data: data.join("\n") };
}
