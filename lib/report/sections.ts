// The parts of a report: the table of the runs, comparisons, and each run by itself.

import type { PhaseTimes } from "../train/profile.js";
import { count } from "../train/text.js";
import { type Chart, numberText } from "./chart.js";
import { compareCharts, shownRuns } from "./compare-charts.js";
import type { RunFigures } from "./figures.js";
import { escapeHtml, figure, table } from "./html.js";
import { runCharts } from "./run-charts.js";

type Drawer = (chart: Chart) => string;

const NONE = "–";
const text = (value: number | undefined, unit?: "bytes" | "percent"): string =>
  value === undefined ? NONE : numberText(value, unit);

/** Seconds as people say them: `8.4 s`, `3 min 20 s`, `2 h 5 min`. */
export function timeText(seconds: number): string {
  if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${Math.floor(seconds % 60)} s`;
}

const ENDS = { completed: "completed", aborted: "aborted", stoppedEarly: "stopped early" } as const;

/** A column of the table of runs: its heading, and what it says of a run. */
type RunColumn = readonly [heading: string, of: (run: RunFigures) => string];

const COLUMNS: readonly RunColumn[] = [
  ["run", ({ name }) => name],
  ["optimizer", ({ description }) => description.optimizer ?? NONE],
  ["learning rate", ({ description }) => text(description.lr)],
  ["seed", ({ description }) => text(description.seed)],
  [
    "parameters",
    ({ description }) => (description.parameters === undefined ? NONE : count(description.parameters)),
  ],
  ["optimizer state", ({ description }) => text(description.stateBytes, "bytes")],
  ["steps", ({ step }) => count(step)],
  ["epochs", ({ epoch }) => count(epoch)],
  ["time", ({ seconds }) => timeText(seconds)],
  ["training loss", ({ trainLoss }) => text(trainLoss.last?.value)],
  ["best validation loss", (run) => text(run.best("loss")?.value)],
  ["best accuracy", (run) => text(run.best("accuracy")?.value, "percent")],
  ["guard decisions", ({ decisionCount }) => (decisionCount > 0 ? count(decisionCount) : NONE)],
  ["ended", ({ end }) => (end ? ENDS[end.reason] : "no end logged")],
];

/** What is known of the runs, a row each; columns that say nothing of any are left out. */
export function runsTable(runs: readonly RunFigures[]): string {
  const columns = COLUMNS.filter(([, of]) => runs.some((run) => of(run) !== NONE));
  const rows = runs.map((run) => columns.map(([, of]) => of(run)));
  return table(
    "Losses are means per example; the time is that of the run's own process.",
    columns.map(([h]) => h),
    rows,
  );
}

const charts = (list: readonly Chart[], draw: Drawer): string =>
  `<div class="charts">${list.map((chart) => figure(chart, draw(chart))).join("\n")}</div>`;

/** One run: its charts, what the guard did, where the time went. */
export function runSection(run: RunFigures, draw: Drawer): string {
  const { model, device } = run.description;
  const about = [
    ...(model ? [`<p>${escapeHtml(model)}</p>`] : []),
    `<p class="soft">${escapeHtml([`begun ${dateText(run.started)}`, ...(device ? [`on ${device}`] : [])].join(", "))}</p>`,
  ];
  return [...about, charts(runCharts(run), draw), decisionsTable(run), timesTable(run)].join("\n");
}

/** Rows that leave room for the charts above the fold. */
const SHORT_TABLE = 10;

/** Several runs: compared, then each by itself, folded. */
export function comparison(runs: readonly RunFigures[], draw: Drawer): string {
  const own = shownRuns(runs).map(
    (run) => `<details><summary>${escapeHtml(run.name)}</summary>${runSection(run, draw)}</details>`,
  );
  const compared = [runsTable(runs), charts(compareCharts(runs), draw)];
  if (runs.length > SHORT_TABLE) compared.reverse();
  return [...compared, "<h2>Each run</h2>", ...own].join("\n");
}

/** A date for people, in UTC: a report looks the same wherever it is made. */
export const dateText = (date: Date): string => `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;

function decisionsTable({ decisions, decisionCount }: RunFigures): string {
  const rows = decisions.map((each) => [
    count(each.step),
    CAUSES[each.cause],
    each.action,
    text(each.value),
    text(each.limit),
    text(each.lrFactor),
  ]);
  const which =
    decisionCount > decisions.length
      ? `the last ${decisions.length} of ${decisionCount}`
      : `${decisionCount}`;
  const head = ["step", "cause", "action", "value", "limit", "learning rate times"];
  return table(`Decisions of the guard: ${which}.`, head, rows);
}

const CAUSES = {
  nonFiniteGradient: "gradient not finite",
  nonFiniteLoss: "loss not finite",
  lossSpike: "spike of the loss",
  normSpike: "spike of the norm",
} as const;

const PHASES: readonly (readonly [keyof PhaseTimes, string])[] = [
  ["device", "steps on the device"],
  ["data", "cutting batches"],
  ["record", "recording programs"],
  ["enqueue", "handing steps over"],
  ["evaluation", "evaluations"],
  ["checkpoint", "checkpoints"],
  ["consumer", "the consumer of the events"],
];

function timesTable({ end, checkpoints }: RunFigures): string {
  const profile = end?.profile ?? {};
  const rows = PHASES.flatMap(([phase, name]) => {
    const time = profile[phase];
    return time ? [[name, count(time.count), timeText(time.milliseconds / 1000)]] : [];
  });
  const { count: written, bytes, seconds } = checkpoints;
  const saved = [`checkpoints, ${numberText(bytes, "bytes")} written`, count(written), timeText(seconds)];
  const all = rows.length > 0 || written === 0 ? rows : [saved];
  return table(
    "Where the time went; device and JavaScript work at the same time.",
    ["phase", "times", "in all"],
    all,
  );
}
