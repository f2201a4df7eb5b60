// `adastep compare`: runs the comparison, tells each trial, and writes the report.

import { availableParallelism, loadavg } from "node:os";
import { dirname, extname, join, relative, sep } from "node:path";
import { chartsOf } from "../compare/charts.js";
import { type ComparedTrial, compare } from "../compare/compare.js";
import { findingsOf } from "../compare/findings.js";
import { KeptTrials } from "../compare/kept-trials.js";
import { markdownOf, type Picture, type Provenance } from "../compare/markdown.js";
import {
  LEARNING_RATES,
  OPTIMIZER_NAMES,
  type OptimizerName,
  TASK_NAMES,
  type TaskName,
} from "../compare/names.js";
import type { TaskResult } from "../compare/results.js";
import { valueText } from "../compare/texts.js";
import { makeFolder, writeFileAtomically } from "../data/files.js";
import { describe } from "../errors.js";
import { chartDrawer } from "../report/chart.js";
import { packageVersion } from "../train/version.js";
import { EXIT, type ExitCode, UsageError } from "./errors.js";
import { printLine, printText } from "./output.js";
import { openDevice, type Setting } from "./training.js";

interface CompareValues extends Pick<Setting, "device" | "threads" | "json"> {
  readonly tasks: readonly TaskName[] | undefined;
  readonly optimizers: readonly OptimizerName[] | undefined;
  readonly lrs: readonly number[] | undefined;
  readonly seeds: number | undefined;
  readonly quick: true | undefined;
  readonly trials: string | undefined;
  readonly charts: string | undefined;
  readonly output: string | undefined;
}

export async function runComparison(values: CompareValues): Promise<ExitCode> {
  const { tasks = TASK_NAMES, optimizers = OPTIMIZER_NAMES, trials, output, quick = false } = values;
  const lrs = [...(values.lrs ?? LEARNING_RATES)].sort((a, b) => a - b);
  const seeds = Array.from({ length: values.seeds ?? 3 }, (_, i) => i + 1);
  if (output !== undefined && ![".md", ".json"].includes(extname(output)))
    throw new UsageError({
      argument: "--output",
      got: describe(output),
      accepted: "a name that ends in .md or .json",
    });
  // What is missing is better known before than after.
  const draw = values.charts === undefined ? undefined : await chartDrawer("adastep compare: --charts");
  if (values.charts !== undefined) await makeFolder(values.charts);
  if (output !== undefined) await makeFolder(dirname(output));
  const kept = trials === undefined ? undefined : await KeptTrials.open(trials);
  using device = await openDevice(values);
  const results: TaskResult[] = [];
  for await (const event of compare({ device, tasks, optimizers, lrs, seeds, quick, kept })) {
    if (event.type === "trial") tellTrial(event);
    else results.push(event.result);
  }
  const about: Provenance = {
    command: ["adastep", ...process.argv.slice(2)].join(" "),
    version: packageVersion(),
    date: new Date().toISOString().slice(0, 10),
    machine: machineText(String(device)),
    ...{ lrs, seeds, quick },
  };
  const pictures = draw ? await writeCharts(results, values, draw) : [];
  await write(results, about, values, pictures);
  return EXIT.ok;
}

/** A line on standard error: standard output is for the report. */
function tellTrial({ task, record, done, total }: ComparedTrial): void {
  const { optimizer, lr, seed, seconds, validation } = record;
  const figure = `${task.metric.name} ${valueText(task.metric, validation)}`;
  const what = `${task.name} ${optimizer} lr ${lr} seed ${seed}: ${figure}`;
  process.stderr.write(`${done} of ${total}: ${what}, ${seconds.toFixed(1)} s\n`);
}

/** `2 cores, cpu:0 (...), with other work on the machine (load 11.2)` */
function machineText(device: string): string {
  const cores = availableParallelism();
  const load = loadavg()[0] ?? 0;
  const busy = load > cores ? `, with much other work on the machine (load ${load.toFixed(1)})` : "";
  return `${cores} core${cores === 1 ? "" : "s"}, ${device}${busy}`;
}

/** Draws the charts into a folder; their paths are from where the report is. */
async function writeCharts(
  tasks: readonly TaskResult[],
  { charts: folder = "", output = "." }: CompareValues,
  draw: Awaited<ReturnType<typeof chartDrawer>>,
): Promise<Picture[]> {
  const from = output === "." ? output : dirname(output);
  const pictures: Picture[] = [];
  for (const task of tasks) {
    for (const { name, chart } of chartsOf(task)) {
      const file = join(folder, `${name}.svg`);
      await writeFileAtomically(file, Buffer.from(draw(chart)));
      const path = relative(from, file).split(sep).join("/");
      pictures.push({ task: task.name, title: chart.title, caption: chart.caption, path });
    }
  }
  return pictures;
}

async function write(
  tasks: readonly TaskResult[],
  about: Provenance,
  { json, output }: CompareValues,
  pictures: readonly Picture[],
): Promise<void> {
  const asJson = (): string => `${JSON.stringify({ ...about, findings: findingsOf(tasks), tasks })}\n`;
  if (output !== undefined) {
    const text = extname(output) === ".json" ? asJson() : markdownOf(tasks, about, pictures);
    await writeFileAtomically(output, Buffer.from(text));
  }
  if (json) printText(asJson());
  else if (output === undefined) printText(markdownOf(tasks, about, pictures));
  else printLine("report", output);
}
