// A training of the command line, from its first step or from a checkpoint: shown, interruptible, and saved in its folder.

import { basename, join, resolve } from "node:path";
import { Device } from "../device/device.js";
import { type Dashboard, serveDashboard } from "../report/dashboard.js";
import { type EventSink, follow } from "../report/events.js";
import { openRunLog } from "../report/run-log.js";
import { namedCheckpoints } from "../train/checkpoint-list.js";
import { describeModel } from "../train/describe.js";
import type { EndReason, Evaluation } from "../train/events.js";
import type { TrainerOptions } from "../train/options.js";
import { saveModel } from "../train/save.js";
import { Trainer } from "../train/trainer.js";
import { EXIT, type ExitCode, RunError } from "./errors.js";
import { figuresOf } from "./figures.js";
import { lossOf, makeOptimizer, makeSchedule, multilayerPerceptron } from "./model.js";
import { checkpointsOf, type ModelSpec, WEIGHTS_FILE } from "./model-file.js";
import { type Progress, progressFor } from "./progress.js";
import type { Task } from "./task.js";
import { CHECKPOINT_SECONDS, type TrainCommand } from "./training-flags.js";

/** How it is computed and shown: nothing that the result depends on. */
export interface Setting {
  readonly device: string | undefined;
  readonly threads: number | undefined;
  readonly json: true | undefined;
  readonly interval: number | undefined;
  /** The port of a page that follows the training. */
  readonly dashboard: number | undefined;
}

/** What a run log has of a training, however long it is. */
const LOGGED_STEPS = 10_000;

/** Seconds between lines of JSON. */
const INTERVAL = 10;

export const openDevice = ({ device, threads }: Pick<Setting, "device" | "threads">): Promise<Device> =>
  Device.open(device, threads === undefined ? {} : { threads });

/**
 * Trains in `folder`: from the newest checkpoint there, or, if there is none, from the first step.
 * @param resuming whether the folder may hold the log of a run
 */
export async function runTraining(
  { values, dataset }: TrainCommand,
  task: Task,
  folder: string,
  setting: Setting,
  resuming: boolean,
): Promise<ExitCode> {
  const { spec, train, test } = task;
  using device = await openDevice(setting);
  using model = multilayerPerceptron(spec.network).to(device, { seed: values.seed });
  using optimizer = makeOptimizer(model, values);
  const options = {
    ...optionsOf(values, spec, stepsOf(values, train.size), folder),
    device,
    model,
    optimizer,
  };
  const directory = checkpointsOf(folder);
  const begun = resuming && (await namedCheckpoints(directory)).length > 0;
  await using trainer = begun ? await Trainer.resume(directory, options) : new Trainer(options);

  const name = basename(resolve(folder));
  const config = { dataset, ...values };
  await using log = await openRunLog(folder, { trainer, name, config, resume: resuming });
  await using page = await dashboardOf(setting, trainer, name);

  const progress = progressFor(process.stdout, setting.json === true, setting.interval ?? INTERVAL);
  progress.begin({
    run: resolve(folder),
    data: spec.source,
    ...{ examples: train.size, heldOut: test.size },
    model: describeModel(model),
    parameters: model.parameters().reduce((sum, { value }) => sum + value.length, 0),
    ...{ optimizer: values.optimizer, lr: values.lr, seed: values.seed },
    device: String(device),
    ...{ epochs: values.epochs, steps: stepsOf(values, train.size), step: trainer.step },
    ...(page && { dashboard: page.url }),
  });
  const began = performance.now();
  try {
    const sinks = page ? [log, page] : [log];
    const { reason, figures, code } = await trainToEnd(trainer, task, { values, progress, sinks });
    await saveModel(model, join(folder, WEIGHTS_FILE));
    const seconds = (performance.now() - began) / 1000;
    const { step, epoch } = trainer;
    const heldOut = figures && figuresOf(spec, figures);
    progress.end({ reason, step, epoch, seconds, figures: heldOut, model: resolve(folder) });
    return code;
  } finally {
    progress.close();
  }
}

type TrainValues = TrainCommand["values"];

/** Steps of a whole training. */
function stepsOf(values: TrainValues, examples: number): number {
  return values.epochs * Math.ceil(Math.ceil(examples / values["batch-size"]) / values.accumulate);
}

/** Options of the trainer, but for what lives on the device. */
function optionsOf(values: TrainValues, spec: ModelSpec, steps: number, folder: string) {
  const { seed, accumulate, watch, clip, precision, "checkpoint-every": every } = values;
  return {
    ...{ seed, accumulate },
    loss: lossOf(spec),
    schedule: makeSchedule(steps),
    inputScale: spec.inputScale,
    ...(watch !== undefined && { watch }),
    ...(clip !== undefined && { clip: { norm: clip } }),
    ...(precision && { precision }),
    checkpoints: {
      directory: checkpointsOf(folder),
      every: every === undefined ? { epochs: 1, seconds: CHECKPOINT_SECONDS } : { steps: every },
    },
  } satisfies Partial<TrainerOptions>;
}

function dashboardOf({ dashboard }: Setting, trainer: Trainer, name: string): Promise<Dashboard> | undefined {
  return dashboard === undefined ? undefined : serveDashboard({ trainer, name, port: dashboard });
}

interface Trained {
  readonly reason: EndReason;
  readonly figures: Evaluation | undefined;
  readonly code: ExitCode;
}

interface Following {
  readonly values: TrainValues;
  readonly progress: Progress;
  readonly sinks: readonly EventSink[];
}

/** Trains until the end, or until a signal: the second one exits. */
async function trainToEnd(
  trainer: Trainer,
  { spec, train, test }: Task,
  { values, progress, sinks }: Following,
): Promise<Trained> {
  using stop = stopOnSignals(() => progress.close());
  let figures: Evaluation | undefined;
  let reason: EndReason = "completed";
  const { epochs, "batch-size": batchSize, patience } = values;
  const early = patience !== undefined && { earlyStopping: { patience, restoreBest: true } };
  const logEvery = Math.ceil(stepsOf(values, train.size) / LOGGED_STEPS);
  const run = { epochs, batchSize, logEvery, validation: test, signal: stop.signal, ...early };
  for await (const event of follow(trainer.run(train, run), ...sinks)) {
    switch (event.type) {
      case "step":
        progress.step(event);
        break;
      case "epoch":
        if (!Number.isFinite(event.loss)) {
          throw new RunError(
            `the loss is ${event.loss} after epoch ${event.epoch}: a smaller --lr or a --clip may help`,
          );
        }
        progress.epoch(event);
        break;
      case "eval":
        figures = event;
        progress.evaluated(event, figuresOf(spec, event));
        break;
      case "end":
        reason = event.reason;
    }
  }
  // What is saved is the model as it is now, not that of the last evaluation.
  if (reason !== "completed" || !figures) figures = await trainer.evaluate(test);
  return { reason, figures, code: reason === "aborted" ? stop.code : EXIT.ok };
}

/** A signal that Ctrl-C or SIGTERM aborts; another one exits at once, after `leaving`. */
function stopOnSignals(
  leaving: () => void,
): Disposable & { readonly signal: AbortSignal; readonly code: ExitCode } {
  const controller = new AbortController();
  let code: ExitCode = EXIT.ok;
  const handlers = (
    [
      ["SIGINT", EXIT.interrupted],
      ["SIGTERM", EXIT.terminated],
    ] as const
  ).map(([name, own]) => {
    const handle = (): void => {
      if (controller.signal.aborted) {
        leaving();
        process.exit(own);
      }
      code = own;
      controller.abort();
    };
    process.on(name, handle);
    return [name, handle] as const;
  });
  return {
    signal: controller.signal,
    get code() {
      return code;
    },
    [Symbol.dispose]: () => {
      for (const [name, handle] of handlers) process.off(name, handle);
    },
  };
}
