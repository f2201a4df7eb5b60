// `adastep train`: a new run in a folder of its own.

import type { ExitCode } from "./errors.js";
import { writeSpec } from "./model-file.js";
import { makeRunFolder, writeRun } from "./run-file.js";
import { loadTask } from "./task.js";
import { runTraining, type Setting } from "./training.js";
import type { TrainCommand } from "./training-flags.js";

export async function train(
  command: TrainCommand,
  setting: Setting & { readonly run: string | undefined },
): Promise<ExitCode> {
  const task = await loadTask(command);
  const folder = await makeRunFolder(setting.run, command.dataset);
  await writeRun(folder, command); // first: whatever is killed from here on, resume goes on with
  await writeSpec(folder, task.spec);
  return runTraining(command, task, folder, setting, false);
}
