// `adastep resume`: goes on with a run that was interrupted, to the bit.

import { isDeepStrictEqual } from "node:util";
import { DataError } from "../errors.js";
import type { ExitCode } from "./errors.js";
import { type ModelSpec, readSpec, writeSpec } from "./model-file.js";
import { isUnbegun, readRun } from "./run-file.js";
import { loadTask } from "./task.js";
import { runTraining, type Setting } from "./training.js";

/** @throws DataError (rejects) for a folder that holds no run, or if the data are no longer those that it began with */
export async function resume(folder: string, setting: Setting): Promise<ExitCode> {
  const command = await readRun(folder);
  const before = (await isUnbegun(folder)) ? undefined : await readSpec(folder);
  const task = await loadTask(command);
  if (before === undefined) await writeSpec(folder, task.spec);
  else if (!isDeepStrictEqual(plain(task.spec), plain(before))) {
    const accepted = "the data that the run began with";
    throw new DataError({ argument: command.dataset, got: "other fields, labels or numbers", accepted });
  }
  return runTraining(command, task, folder, setting, true);
}

/** What depends on the data: the file may have another name by now. */
function plain({ source: _, ...spec }: ModelSpec): unknown {
  return JSON.parse(JSON.stringify(spec));
}
