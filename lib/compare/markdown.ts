// The report of a comparison as Markdown. What it concludes is computed from the figures.

import { count } from "../train/text.js";
import { type Finding, findingsOf, type Outcome } from "./findings.js";
import { BASELINE } from "./names.js";
import type { OptimizerResult, TaskResult } from "./results.js";
import { decadesText, rangeText, stepsText, valueText } from "./texts.js";

/** How a comparison was made. */
export interface Provenance {
  /** As it was typed. */
  readonly command: string;
  readonly version: string;
  /** `2026-11-29` */
  readonly date: string;
  /** In words. */
  readonly machine: string;
  readonly lrs: readonly number[];
  readonly seeds: readonly number[];
  readonly quick: boolean;
}

/** A picture of a task, by its path from the report. */
export interface Picture {
  readonly task: string;
  readonly title: string;
  readonly caption: string;
  readonly path: string;
}

type Rows = readonly (readonly string[])[];

/** The first row is the head; the first column is to the left, the others to the right. */
function table([head = [], ...rows]: Rows): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, i) => (i === 0 ? "---" : "---:"));
  return [head, rule, ...rows].map(line).join("\n");
}

/** The whole report. */
export function markdownOf(
  tasks: readonly TaskResult[],
  about: Provenance,
  pictures: readonly Picture[] = [],
): string {
  const findings = findingsOf(tasks);
  return `${[
    "# Adaptive learning rates against a fixed one",
    `\`${about.command}\``,
    `adastep ${about.version}, ${about.date}, ${about.machine}. The command has written this page, its conclusions included: they are computed from the figures below.`,
    ...(findings.length > 0 ? ["## Which promise held", summary(findings)] : []),
    ...findings.flatMap(findingSection),
    "## What it costs",
    ...costs(tasks),
    "## How it was measured",
    ...method(about),
    ...tasks.flatMap((task) => [
      ...taskSection(task),
      ...pictures.filter((picture) => picture.task === task.name).map(pictureText),
    ]),
  ].join("\n\n")}\n`;
}

const counted = ({ cases }: Finding, outcome: Outcome): number =>
  cases.filter((own) => own.adaptive && own.outcome === outcome).length;

function summary(findings: readonly Finding[]): string {
  const rows = findings.map((finding) => [
    finding.promise,
    ...OUTCOMES.map(([outcome]) => String(counted(finding, outcome))),
  ]);
  return [
    table([["promise of adaptive optimizers", ...OUTCOMES.map(([, name]) => name)], ...rows]),
    "Cases: an adaptive optimizer on a task, against SGD at a fixed rate.",
    ...findings.map(whereItFailed),
  ].join("\n\n");
}

/** `**Sparse data** did not hold on spam for Adam and AdamW.` */
function whereItFailed({ promise, cases }: Finding): string {
  const failed = cases.filter(({ adaptive, outcome }) => adaptive && outcome === "failed");
  const places = [...new Set(failed.map(({ task }) => task))].map((name) => {
    const titles = failed.filter(({ task }) => task === name).map(({ title }) => title);
    return `on ${name} for ${inWords(titles)}`;
  });
  return `**${promise}** ${places.length > 0 ? `did not hold ${places.join(", ")}` : "failed nowhere"}.`;
}

/** `a, b and c` */
const inWords = (words: readonly string[]): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;

const OUTCOMES: readonly (readonly [Outcome, string])[] = [
  ["held", "held"],
  ["same", "no difference"],
  ["failed", "did not hold"],
  ["open", "not to be told"],
];

function findingSection(finding: Finding): string[] {
  const { promise, meaning, cases } = finding;
  const all = cases.filter(({ adaptive }) => adaptive);
  const parts = OUTCOMES.flatMap(([outcome, name]) => {
    const own = all.filter((each) => each.outcome === outcome);
    const list = own.map(({ task, title, text }) => `  - ${title} on ${task}: ${text}`);
    return own.length > 0
      ? [`- **${name}** in ${own.length} of ${all.length} cases\n${list.join("\n")}`]
      : [];
  });
  const others = cases.filter(({ adaptive }) => !adaptive);
  const words = Object.fromEntries(OUTCOMES);
  const beside = others.map(
    ({ task, title, outcome, text }) => `${title} on ${task}: ${words[outcome]} (${text})`,
  );
  return [
    `### ${promise}`,
    meaning,
    parts.join("\n"),
    ...(beside.length > 0 ? [`For comparison, without a rate per parameter: ${beside.join("; ")}.`] : []),
  ];
}

/** Least and largest, or the one that there is. */
function span(values: readonly number[], digits: number): string {
  const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(digits));
  return low === high ? `${low}` : `${low} to ${high}`;
}

function costs(tasks: readonly TaskResult[]): string[] {
  const titles = [...new Set(tasks.flatMap(({ optimizers }) => optimizers.map(({ title }) => title)))];
  const rows = titles.map((title) => {
    const own = tasks.flatMap(({ optimizers }) => optimizers.filter((each) => each.title === title));
    const bytes = own.map(({ overhead }) => overhead.stateBytes / overhead.parameters);
    return [title, span(bytes, 1), ...tasks.map((task) => ratioText(task, title))];
  });
  const head = ["optimizer", "bytes of state per parameter", ...tasks.map(({ name }) => `step on ${name}`)];
  return [
    "Memory is what is kept between steps, beside the parameters (4 bytes each) and their gradients; it is laid out in tiles, which a small model fills in part. Time is that of a whole training " +
      "step, forward and backward pass included, as a multiple of SGD's: of the fastest of many rounds that take turns, so that other work on the machine hits all alike. " +
      "The smaller the model, the larger the share of the update.",
    table([head, ...rows]),
    ...slowest(tasks),
  ];
}

function ratioText({ optimizers }: TaskResult, title: string): string {
  const ratio = optimizers.find((own) => own.title === title)?.overhead.ratio ?? Number.NaN;
  return Number.isNaN(ratio) ? "–" : `${ratio.toFixed(2)} x`;
}

function slowest(tasks: readonly TaskResult[]): string[] {
  const all = tasks.flatMap(({ name, optimizers }) => optimizers.map((own) => ({ name, own })));
  const adaptive = all.filter(({ own }) => own.adaptive && !Number.isNaN(own.overhead.ratio));
  const [first, ...rest] = adaptive;
  if (!first) return [];
  const most = rest.reduce((a, b) => (b.own.overhead.ratio > a.own.overhead.ratio ? b : a), first);
  const least = rest.reduce((a, b) => (b.own.overhead.ratio < a.own.overhead.ratio ? b : a), first);
  const text = ({ own, name }: typeof first): string =>
    `${own.overhead.ratio.toFixed(2)} times for ${own.title} on ${name}`;
  const figures = most === least ? text(most) : `between ${text(least)} and ${text(most)}`;
  const noise = Math.max(...all.map(({ own }) => own.overhead.noise));
  const doubt = `The second fastest of the sessions, each of which makes all anew, took up to ${(100 * noise).toFixed(0)} % longer: smaller differences are in doubt.`;
  return [`A step of an adaptive optimizer took ${figures}. ${doubt}`];
}

function method({ lrs, seeds, quick }: Provenance): string[] {
  return [
    `Every optimizer with every learning rate of ${lrs.join(", ")}, from ${seeds.length === 1 ? "one seed" : `each of ${seeds.length} seeds`}, for the same ` +
      `number of steps; the seed sets the first parameters and the order of the examples. The learning rate stays what it is: no warm-up, no decay, no ` +
      `clipping, no guard, no early end. All other options are the defaults, AdamW's weight decay of 0.01 among them.${quick ? " Trained for a quarter of the usual epochs (`--quick`)." : ""}`,
    "Learning rates are chosen, and targets reached, on a validation set. The test set is looked at once, at the end of each training. " +
      "The tasks are small, so that they can be repeated: what holds here need not hold for large models.",
  ];
}

const valueAndSpread = (task: TaskResult, { mean, spread }: { mean: number; spread: number }): string => {
  const own = valueText(task.metric, mean);
  if (Number.isNaN(spread)) return own;
  return `${own} ± ${task.metric.score === "accuracy" ? (100 * spread).toFixed(2) : spread.toFixed(3)}`;
};

function taskSection(task: TaskResult): string[] {
  const { name, about, model, metric, steps, every, batchSize, examples, optimizers } = task;
  const { fit, validation, test } = examples;
  const better = metric.score === "accuracy" ? "the more the better" : "the less the better";
  const parameters = optimizers[0]?.overhead.parameters ?? 0;
  const tolerance =
    metric.score === "accuracy" ? `${(100 * metric.tolerance).toFixed(0)} points` : String(metric.tolerance);
  return [
    `## ${name}`,
    `${about}. ${count(fit)} examples to train on, ${count(validation)} of validation, ${count(test)} of test. Model: ${model}; ` +
      `${count(parameters)} parameters. ${count(steps)} steps of ${batchSize} examples, evaluated every ${every}. Measured by ${metric.name}, ` +
      `${better}; target ${valueText(metric, metric.target)}, tolerance ${tolerance}.`,
    table([RESULT_HEAD, ...optimizers.map((own) => resultRow(task, own))]),
    ...testError(task),
    `By learning rate: ${metric.name} on the validation set at the end, mean over the seeds.`,
    table(rateRows(task)),
  ];
}

/** What the seeds do not show: how far a share of so few examples is from that of all there could be. */
function testError({ metric, optimizers, examples: { test } }: TaskResult): string[] {
  const shares = optimizers.flatMap(({ chosen }) => (chosen ? [chosen.test.mean] : []));
  if (metric.score !== "accuracy" || shares.length === 0) return [];
  const best = Math.max(...shares);
  const error = (100 * Math.sqrt((best * (1 - best)) / test)).toFixed(2);
  return [
    `Another test set of ${count(test)} examples would give an accuracy of ${valueText(metric, best)} with a standard error of ` +
      `${error} points, for all optimizers in much the same direction; ± above is the deviation of a seed.`,
  ];
}

const pictureText = ({ title, caption, path }: Picture): string =>
  `![${title}](${path.split("/").map(encodeURIComponent).join("/")})\n\n${caption}`;

const RESULT_HEAD = [
  ...["optimizer", "steps to target", "at lr", "seeds that reach it", "best lr", "validation", "test"],
  ...["usable lr", "decades", "state", "ms per step"],
];

function resultRow(task: TaskResult, own: OptimizerResult): string[] {
  const { title, optimizer, convergence, chosen, usable, overhead } = own;
  const { steps, lr, reached, seeds } = convergence;
  const arrived = Number.isFinite(steps);
  return [
    optimizer === BASELINE ? `${title}, fixed rate` : title,
    ...[stepsText(steps), arrived ? String(lr) : "–", arrived ? `${reached} of ${seeds}` : "–"],
    chosen ? String(chosen.lr) : "–",
    ...[chosen?.validation, chosen?.test].map((sample) => (sample ? valueAndSpread(task, sample) : "–")),
    ...[rangeText(usable), decadesText(usable)],
    `${count(overhead.stateBytes)} B`,
    overhead.milliseconds.toPrecision(3),
  ];
}

function rateRows({ metric, optimizers }: TaskResult): string[][] {
  const lrs = optimizers[0]?.points.map(({ lr }) => lr) ?? [];
  const rows = lrs.map((lr, i) => [
    String(lr),
    ...optimizers.map(({ points }) => valueText(metric, points[i]?.mean ?? Number.NaN)),
  ]);
  return [["lr", ...optimizers.map(({ title }) => title)], ...rows];
}
