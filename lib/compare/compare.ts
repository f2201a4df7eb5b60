// The comparison: every task with every optimizer, learning rate and seed.

import type { Device } from "../device/device.js";
import { sweep } from "../train/sweep.js";
import type { KeptTrials } from "./kept-trials.js";
import type { OptimizerName, TaskName } from "./names.js";
import { OPTIMIZERS } from "./optimizers.js";
import { measureOverhead } from "./overhead.js";
import { type TaskResult, taskResult } from "./results.js";
import { loadTask, type Task } from "./tasks.js";
import { runTrial, type TrialRecord } from "./trial.js";

/** What is compared, and how thoroughly. */
export interface CompareOptions {
  readonly device: Device;
  readonly tasks: readonly TaskName[];
  readonly optimizers: readonly OptimizerName[];
  readonly lrs: readonly number[];
  readonly seeds: readonly number[];
  /** Trains for a quarter of the epochs, and times fewer rounds. */
  readonly quick: boolean;
  /** Trials of earlier comparisons, and of this one. Default: none is kept. */
  readonly kept?: KeptTrials | undefined;
}

/** A trial has run, or was kept. */
export interface ComparedTrial {
  readonly type: "trial";
  readonly task: Task;
  readonly record: TrialRecord;
  /** Trials of all tasks, so far and in all. */
  readonly done: number;
  readonly total: number;
}

/** A task is done. */
export interface ComparedTask {
  readonly type: "task";
  readonly result: TaskResult;
}

const [TIMING, QUICK_TIMING] = [
  { sessions: 6, rounds: 50 },
  { sessions: 2, rounds: 5 },
];

/** Compares, a trial after the other; nothing happens before the first event is asked for. */
export async function* compare(
  options: CompareOptions,
): AsyncGenerator<ComparedTrial | ComparedTask, void, void> {
  const each = options.optimizers.length * options.lrs.length * options.seeds.length;
  const total = options.tasks.length * each;
  for (const [i, name] of options.tasks.entries()) {
    const loaded = await loadTask(name);
    const task = options.quick ? { ...loaded, epochs: Math.ceil(loaded.epochs / 4) } : loaded;
    for await (const event of compareOn(task, options))
      yield event.type === "trial" ? { ...event, done: i * each + event.done, total } : event;
  }
}

async function* compareOn(
  task: Task,
  { device, optimizers: names, lrs, seeds, quick, kept }: CompareOptions,
): AsyncGenerator<Omit<ComparedTrial, "total"> | ComparedTask, void, void> {
  const { score, tolerance } = task.metric;
  const records: TrialRecord[] = [];
  const optimizers = Object.fromEntries(names.map((name) => [name, OPTIMIZERS[name].make]));
  const trials = sweep<OptimizerName>({
    optimizers: optimizers as Record<OptimizerName, (typeof OPTIMIZERS)[OptimizerName]["make"]>,
    ...{ lrs, seeds, score, tolerance },
    run: async (trial) => {
      const known = kept?.find(task, trial);
      const record = known ?? (await runTrial(device, task, trial));
      if (!known) await kept?.add(task, record);
      records.push(record);
      // An error in a unit of its own stands for the loss.
      return { loss: record.validation, accuracy: record.validation };
    },
  });
  for await (const event of trials) {
    if (event.type === "trial") {
      yield { type: "trial", task, record: records.at(-1) as TrialRecord, done: event.done };
      continue;
    }
    const overheads = await measureOverhead(device, task, names, quick ? QUICK_TIMING : TIMING);
    yield { type: "task", result: taskResult(task, records, event.summary, overheads) };
  }
}
