import assert from "node:assert/strict";
import type { ModuleRow } from "../../src/index.ts";
import { diskModules } from "./disk-modules.ts";
import { quote } from "./make-memory.ts";
import { readBoth } from "./read-both.ts";
import type { RunInGuest, Truth } from "./truth.ts";

/** Loads all that any truth needs, so that none comes later; a kernel may have some built in, or not at all. */
async function prepare(run: RunInGuest): Promise<void> {
  await run(
    `modules="${diskModules.join(" ")}"; modprobe -aq $modules ||
      for m in $modules; do modprobe -q $m || echo $m; done >/run/casemate-no-modules`,
  );
}

/** /proc/modules, and /sys/module for what that leaves out. */
const READ_MODULES = String.raw`
sub slurp { open my $f, "<", $_[0] or return "-"; local $/; my $text = <$f> // ""; $text =~ s/\n\z// unless $_[0] =~ /notes/; return $text eq "" ? "-" : $text }
for (split /\n/, slurp("/proc/modules")) {
  my ($name, $size, $references, $users, $state, $base, $taints) = split / /;
  my $notes = slurp("/sys/module/$name/notes/.note.gnu.build-id");
  print join(" ", $name, $size, $references, $users, $state, $base, ($taints // "") =~ tr/()//dr || "-",
    map({ slurp("/sys/module/$name/$_") } qw(version srcversion)),
    $notes eq "-" ? "-" : unpack "H*", substr $notes, 16), "\n";
}
`;

/** A row as a line of `READ_MODULES`. */
function lineOf(row: ModuleRow): string {
  const users = [...row.usedBy, ...(row.permanent ? ["[permanent]"] : [])].map(
    (user) => `${user},`,
  );
  return [
    ...[row.name, row.size, row.references, users.join("") || "-", row.state],
    ...[row.base, row.taints || "-", row.version ?? "-", row.sourceVersion ?? "-"],
    ...[row.buildId ?? "-"],
  ].join(" ");
}

export const modulesTruths: readonly Truth[] = [
  {
    view: "modules",
    claim: "modules are as /proc/modules and /sys/module show them, in their order",
    prepare,
    async compare(run, read, note) {
      const missing = (await run("cat /run/casemate-no-modules 2>/dev/null")).output.trim();
      if (missing !== "") note("not there", `modules ${missing.replaceAll("\n", ", ")}`);
      const command = `perl -e ${quote(READ_MODULES)}`;
      const { output, rows } = await readBoth<ModuleRow>(run, read, "modules", command);
      const said = output.trimEnd().split("\n");
      assert.ok(said.length > 10, "there are modules, some of which need others");
      assert.ok(rows.some(({ usedBy }) => usedBy.length > 0));
      assert.deepEqual(rows.map(lineOf), said);
    },
  },
];
