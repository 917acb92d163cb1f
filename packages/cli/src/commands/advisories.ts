import { basename, extname } from "node:path";
import type { AdvisoryStore } from "@casemate/control/advisory-store";
import { CasemateError } from "@casemate/core";
import type { FeedFormat, SnapshotManifest } from "@casemate/scan";
import { type Command, Option } from "commander";
import type { Context } from "../context.ts";
import { stopOnSignals } from "../stop-on-signals.ts";

interface Options {
  readonly data?: string;
}

interface FeedOptions extends Options {
  readonly format: FeedFormat;
  readonly name?: string;
}

export function configureAdvisories(command: Command, context: Context): void {
  const { output } = context;

  withFeed(
    command
      .command("import <file>")
      .description("take the advisories of a file or directory, in place of the feed of that name"),
  ).action(async (file: string, options: FeedOptions) => {
    const store = await openStore(options, context);
    const { name = nameOf(file), format } = options;
    const stop = stopOnSignals(() => {});
    tell(await store.importFile(name, format, file, stop), context);
  });

  withFeed(
    command
      .command("update [url]")
      .description("download a feed; without an address, every one that was downloaded before"),
  ).action(async (url: string | undefined, options: FeedOptions) => {
    const store = await openStore(options, context);
    const known = (await store.feeds()).flatMap((feed) =>
      feed.url === undefined ? [] : [{ ...feed, url: feed.url }],
    );
    const { name = nameOf(url ?? ""), format } = options;
    const wanted = url === undefined ? known : [{ name, format, url }];
    if (wanted.length === 0) {
      throw new CasemateError("usage", "Cannot update: no feed was ever downloaded.", {
        next: "Give an address: `casemate advisories update URL`.",
      });
    }
    const stop = stopOnSignals(() => {});
    let manifest: SnapshotManifest | undefined;
    for (const feed of wanted) {
      manifest = await store.update(feed.name, feed.format, feed.url, stop);
    }
    if (manifest !== undefined) tell(manifest, context);
  });

  withData(command.command("list").description("the feeds, and what was made of them")).action(
    async (options: Options) => {
      const store = await openStore(options, context);
      const manifest = (await store.snapshot())?.manifest;
      const feeds = await store.feeds();
      const items = feeds.map(({ name, format, url, updatedAt }) => {
        const counts = manifest?.feeds.find((feed) => feed.name === name);
        const { advisories = 0, skipped = 0 } = counts ?? {};
        return { name, format, url: url ?? null, updatedAt, advisories, skipped };
      });
      if (output.json) output.document("AdvisoryFeedList", { items });
      else {
        output.table(
          [
            { title: "FEED" },
            { title: "FORMAT" },
            { title: "ADVISORIES", align: "right" },
            { title: "NOT UNDERSTOOD", align: "right" },
            { title: "UPDATED" },
            { title: "FROM" },
          ],
          items.map(({ name, format, url, updatedAt, advisories, skipped }) => [
            ...[name, format, `${advisories}`, `${skipped}`, updatedAt, url ?? "-"],
          ]),
        );
      }
    },
  );
}

function withData(command: Command): Command {
  return command
    .option("--data <dir>", "the data directory of the control plane")
    .option("--json", "print JSON");
}

function withFeed(command: Command): Command {
  return withData(command)
    .addOption(
      new Option("--format <format>", "what the feed holds")
        .choices(["osv", "debian-tracker"])
        .default("osv"),
    )
    .option("--name <name>", "what to call the feed (default: the name of its file)");
}

async function openStore({ data }: Options, { environment }: Context): Promise<AdvisoryStore> {
  const { AdvisoryStore } = await import("@casemate/control/advisory-store");
  return new AdvisoryStore(data ?? environment.dataDirectory);
}

const nameOf = (place: string) => basename(place, extname(place));

function tell(manifest: SnapshotManifest, { output }: Context): void {
  if (output.json) output.document("AdvisorySnapshot", manifest);
  else {
    const { feeds, created } = manifest;
    const advisories = feeds.reduce((sum, feed) => sum + feed.advisories, 0);
    output.text(`${advisories} advisories of ${feeds.length} feeds, as of ${created}\n`);
  }
}
