// Reports: runs as one HTML file that needs nothing else.

import { checkKeys, given } from "../check.js";
import { writeFileAtomically } from "../data/files.js";
import { ArgumentError, describe } from "../errors.js";
import { packageVersion } from "../train/version.js";
import { chartDrawer } from "./chart.js";
import type { LoggedRun } from "./events.js";
import { RunFigures } from "./figures.js";
import { escapeHtml, page } from "./html.js";
import { readRunLog } from "./read-log.js";
import { comparison, dateText, runSection, runsTable } from "./sections.js";

/** Options of `writeReport`. */
export interface ReportOptions {
  /** Default: the name of the run, or how many there are. */
  readonly title?: string;
}

/**
 * Writes a report on runs: folders of run logs, or runs that were read. For one run: losses, metrics, learning rate, norms and
 * ratios by parameter, decisions of the guard, time and memory. For several also their comparison by steps, seconds and
 * bytes of state, and how the result depends on the learning rate. The file asks for nothing from anywhere.
 *
 * Needs the package echarts.
 * @throws ArgumentError (rejects) for runs that are none, DataError for a log that cannot be read or a file that cannot be
 *   written, UnavailableError naming the line that installs echarts
 */
export async function writeReport(
  runs: readonly (string | LoggedRun)[],
  file: string,
  options: ReportOptions = {},
): Promise<void> {
  checkKeys("writeReport", options, ["title"]);
  if (!Array.isArray(runs) || runs.length === 0) {
    const accepted = "folders of run logs, at least one";
    throw new ArgumentError({ argument: "writeReport: 'runs'", got: describe(runs), accepted });
  }
  const title: unknown = given(options.title, undefined);
  if (title !== undefined && typeof title !== "string") {
    throw new ArgumentError({ argument: "writeReport: 'title'", got: describe(title), accepted: "a string" });
  }
  const draw = await chartDrawer("writeReport");
  const figures = await figuresOf(runs);
  const [first] = figures;
  const heading = title ?? (figures.length === 1 && first ? first.name : `${figures.length} runs`);
  const body =
    first && figures.length === 1 ? runsTable(figures) + runSection(first, draw) : comparison(figures, draw);
  const made = `Made by adastep ${packageVersion()} on ${dateText(new Date())}.`;
  const html = page(
    heading,
    `<header><h1>${escapeHtml(heading)}</h1><p class="soft">${escapeHtml(made)}</p></header>
<main>${body}</main>`,
  );
  await writeFileAtomically(file, Buffer.from(html));
}

/** The figures of the runs, one log in memory at a time; runs of one name are told apart by a number. */
async function figuresOf(runs: readonly (string | LoggedRun)[]): Promise<RunFigures[]> {
  const figures: RunFigures[] = [];
  const seen = new Map<string, number>();
  for (const source of runs) {
    const run = typeof source === "string" ? await readRunLog(source) : source;
    const times = (seen.get(run.name) ?? 0) + 1;
    seen.set(run.name, times);
    figures.push(RunFigures.of(run, times === 1 ? run.name : `${run.name} (${times})`));
  }
  return figures;
}
