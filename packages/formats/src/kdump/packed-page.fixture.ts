/**
 * A page with runs, near and far repetitions and bytes like no others, and what the real compressors make
 * of it: liblzo2 2.10 (`lzo1x_1_compress`, `lzo1x_999_compress`) and libsnappy 1.1.9 (`snappy_compress`).
 */
export const packedPage = {
  page: buildPage(),
  lzo1x1:
    "AgAAAAAAMBAACQFza19zdHJ1Y3R0YSCEKAAwCAMgAACMRwABAgAgVwgAAAYABAgMEBQYHCAkKCwwNDg8QERITFBUWF0gjvkPcyAAAIy0Dy+oCiBX7A98DgAGAAgQGCAoMDhASFBYYGhweICIkJigqLC5II32H3NrL1AFIAAAjEAAIFn0HwAIAQIADBgkMDxIVGBseISQnKi0wMzY5PD8CBUgjPMvc2tfIAAAjLgPMKgKYPEgQxAQAAEAAQIAAQIAAQIAAQIAAQIAAQIAEQAA",
  lzo1x999:
    "EgA0AAAJAXNrX3N0cnVjdHRhIIQpAAAgAACdAgABAiBYCAAABgAECAwQFBgcICQoLDA0ODxAREhMUFRYXSCO+Q9zIAAAABn4DwAHAQAIEBggKDA4QEhQWGBocHiAiJCYoKiwuSCO+Q9rIAAAnf0PAiBbBBAABQwYJDA8SFRgbHiEkJyotMDM2OTw/AgVII75D18gAACd/A8gW/gPEQAA",
  snappy:
    "gCAAAFYBACwBc2tfc3RydWN0dGH+CwD+CwCSCwBWxwD+AQD+AQD+AQD+AQD+AQD+AQD+AQD+AQD+AQD+AQCaAQAEAQL+AwDiAwBcAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhd/v8D/v8Duv8DAHP+6gP+6gP+6gP+6gP+6gP+6gP+6gP+6gP+6gP+6gOa6gNSAQD+/wPq/wNgAQAIEBggKDA4QEhQWGBocHiAiJCYoKiwuf7+B/7+B7b+BwRza1JZAf4BAP4BAP4BAP4BAP4BAP4BAP4BAP4BAP4BAP4BAJoBAP7+B+b+B2QBAgAMGCQwPEhUYGx4hJCcqLTAzNjk8PwIFf79C/79C7L9Cwhza1/+6wP+6wP+6wP+6wP+6wP+6wP+6wP+6wP+6wP+6wOa6wNWAQD+AQjqAQg=",
} as const;

function buildPage(): Buffer {
  const words = Buffer.from("task_struct");
  return Buffer.from(
    Array.from({ length: 4096 }, (_, i) => {
      const column = i % 1024;
      if (column < 24) return (i * i) >>> 9;
      if (column < 200) return words[i % words.length] ?? 0;
      return column < 900 ? 0 : i % 3;
    }),
  );
}
