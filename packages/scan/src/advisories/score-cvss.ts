/** The base score of a CVSS vector, version 2, 3.0 or 3.1; `undefined` for what is none. */
export function scoreCvss(vector: string): number | undefined {
  if (vector.length > 256) return undefined;
  const metrics = new Map(
    vector.split("/").map((part): [string, string] => {
      const [name = "", value = ""] = part.split(":");
      return [name, value];
    }),
  );
  const version = metrics.get("CVSS");
  const score =
    version === "3.0" || version === "3.1"
      ? scoreVersion3(metrics)
      : version === undefined
        ? scoreVersion2(metrics)
        : Number.NaN;
  return Number.isNaN(score) ? undefined : score;
}

type Metrics = ReadonlyMap<string, string>;

/** A metric's weight; NaN, which no sum gets rid of, where it has no such value. */
function weigh(metrics: Metrics, name: string, weights: Readonly<Record<string, number>>): number {
  return weights[metrics.get(name) ?? ""] ?? Number.NaN;
}

/** CVSS 3.1 specification, 7.1 "Base Metrics Equations" and 7.4 "Metric Values". */
function scoreVersion3(metrics: Metrics): number {
  const impactOf = (name: string) => weigh(metrics, name, { H: 0.56, L: 0.22, N: 0 });
  const isChanged = weigh(metrics, "S", { C: 1, U: 0 }) === 1;
  const base = 1 - (1 - impactOf("C")) * (1 - impactOf("I")) * (1 - impactOf("A"));
  const impact = isChanged
    ? 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15
    : 6.42 * base + 0 * weigh(metrics, "S", { C: 1, U: 0 });
  const exploitability =
    8.22 *
    weigh(metrics, "AV", { N: 0.85, A: 0.62, L: 0.55, P: 0.2 }) *
    weigh(metrics, "AC", { L: 0.77, H: 0.44 }) *
    weigh(metrics, "PR", isChanged ? { N: 0.85, L: 0.68, H: 0.5 } : { N: 0.85, L: 0.62, H: 0.27 }) *
    weigh(metrics, "UI", { N: 0.85, R: 0.62 });
  if (impact <= 0) return 0 * exploitability;
  return roundUp(Math.min((isChanged ? 1.08 : 1) * (impact + exploitability), 10));
}

/** CVSS 3.1 specification, appendix A, "Floating Point Rounding". */
function roundUp(value: number): number {
  const scaled = Math.round(value * 100_000);
  return scaled % 10_000 === 0 ? scaled / 100_000 : (Math.floor(scaled / 10_000) + 1) / 10;
}

/** CVSS 2.0 guide, 3.2.1 "Base Equation". */
function scoreVersion2(metrics: Metrics): number {
  const impactOf = (name: string) => weigh(metrics, name, { N: 0, P: 0.275, C: 0.66 });
  const impact = 10.41 * (1 - (1 - impactOf("C")) * (1 - impactOf("I")) * (1 - impactOf("A")));
  const exploitability =
    20 *
    weigh(metrics, "AV", { L: 0.395, A: 0.646, N: 1 }) *
    weigh(metrics, "AC", { H: 0.35, M: 0.61, L: 0.71 }) *
    weigh(metrics, "Au", { M: 0.45, S: 0.56, N: 0.704 });
  const factor = impact === 0 ? 0 : 1.176;
  return Math.round((0.6 * impact + 0.4 * exploitability - 1.5) * factor * 10) / 10;
}
