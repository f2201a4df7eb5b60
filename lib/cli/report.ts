// `adastep report`: the logs of runs as one page.

import { join, resolve } from "node:path";
import { writeReport } from "../report/report.js";
import { EXIT, type ExitCode } from "./errors.js";
import { printJson, printLine } from "./output.js";

interface ReportValues {
  readonly output: string | undefined;
  readonly title: string | undefined;
  readonly json: true | undefined;
}

/** @throws DataError (rejects) for a folder without a log, or a file that cannot be written; UnavailableError without echarts */
export async function report(
  runs: readonly string[],
  { output, title, json }: ReportValues,
): Promise<ExitCode> {
  const [first = ""] = runs;
  const path = output ?? (runs.length === 1 ? join(first, "report.html") : "report.html");
  await writeReport(runs, path, title === undefined ? {} : { title });
  if (json) printJson({ path: resolve(path), runs });
  else printLine("written", resolve(path));
  return EXIT.ok;
}
