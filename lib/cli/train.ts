// `adastep train`: reads the data, trains a multilayer perceptron, shows it, and saves it.

import { access, constants } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Device } from "../device/device.js";
import { crossEntropy, meanSquaredError } from "../nn/losses.js";
import { describeModel } from "../train/describe.js";
import type { Evaluation } from "../train/events.js";
import { saveModel } from "../train/save.js";
import { Trainer } from "../train/trainer.js";
import { makeOptimizer, makeSchedule, multilayerPerceptron } from "./model.js";
import type { TrainCommand } from "./options.js";
import { BarProgress, PlainProgress, type Progress, showsColors } from "./progress.js";
import { loadTask, type Task } from "./task.js";

/** A run that went wrong although every part of it works: exit code 1. */
export class RunError extends Error {}

const count = (n: number): string => n.toLocaleString("en-US");

/** Runs the command; the figures go to standard output. */
export async function train(command: TrainCommand): Promise<void> {
  const out = process.stdout;
  await checkOutput(command.output);
  const task = await loadTask(command.source, command.seed);
  using device = await Device.open(
    command.device,
    command.threads === undefined ? {} : { threads: command.threads },
  );
  using model = multilayerPerceptron(task.inputs, command.hidden, task.outputs).to(device, {
    seed: command.seed,
  });
  using optimizer = makeOptimizer(model, command);
  const steps = command.epochs * Math.ceil(task.train.size / command.batchSize);
  await using trainer = new Trainer({
    device,
    model,
    optimizer,
    loss: task.classes ? crossEntropy : meanSquaredError,
    schedule: makeSchedule(steps),
    ...(command.clip !== undefined && { clip: { norm: command.clip } }),
    seed: command.seed,
    inputScale: task.inputScale,
  });

  const parameters = model.parameters().reduce((sum, { value }) => sum + value.length, 0);
  out.write(`${heading("data")}${task.source}\n`);
  out.write(
    `${heading("")}${count(task.train.size)} examples to train on, ${count(task.test.size)} held out\n`,
  );
  out.write(`${heading("model")}${describeModel(model)}, ${count(parameters)} parameters\n`);
  out.write(`${heading("optimizer")}${command.optimizer}, lr ${command.lr}, seed ${command.seed}\n`);
  out.write(`${heading("device")}${device}\n`);

  const text = (figures: Evaluation): string => figuresText(task, figures);
  const progress: Progress = out.isTTY
    ? new BarProgress(out, command.epochs, steps, text)
    : new PlainProgress(out, command.epochs, text);
  const began = performance.now();
  const { figures, aborted } = await follow(trainer, task, command, progress);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);

  await task.finish(model);
  await saveModel(model, command.output, {
    ...task.metadata,
    optimizer: command.optimizer,
    seed: String(command.seed),
  });
  if (aborted) out.write(`${heading("stopped")}after step ${trainer.step} of ${steps}, in ${seconds} s\n`);
  if (figures)
    out.write(
      `${heading("held out")}${text(figures)}, ${count(figures.examples)} examples, in ${seconds} s\n`,
    );
  out.write(`${heading("saved")}${resolve(command.output)}\n`);
}

/** Whether a model could be written there, asked before the training and not after it. */
async function checkOutput(path: string): Promise<void> {
  const folder = dirname(resolve(path));
  try {
    await access(folder, constants.W_OK);
  } catch {
    throw new RunError(`--output ${path}: the folder ${folder} does not exist or cannot be written to`);
  }
}

/** Trains until the end, or until Ctrl-C: the second one exits. */
async function follow(
  trainer: Trainer,
  task: Task,
  { epochs, batchSize }: TrainCommand,
  progress: Progress,
): Promise<{ figures: Evaluation | undefined; aborted: boolean }> {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) {
      progress.end(); // gives the cursor back
      process.exit(130);
    }
    controller.abort();
  };
  process.on("SIGINT", interrupt);
  let figures: Evaluation | undefined;
  let aborted = false;
  try {
    const { signal } = controller;
    for await (const event of trainer.run(task.train, { epochs, batchSize, validation: task.test, signal })) {
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
          progress.evaluated(event);
          break;
        case "end":
          aborted = event.reason === "aborted";
      }
    }
    // What is saved is the model after its last step, not that of the last evaluation.
    if (aborted) figures = await trainer.evaluate(task.test);
  } finally {
    process.off("SIGINT", interrupt);
    progress.end();
  }
  return { figures, aborted };
}

function figuresText(task: Task, { loss, accuracy }: Evaluation): string {
  if (accuracy !== undefined) return `accuracy ${(100 * accuracy).toFixed(2)} %`;
  // Of a standardized target: the root mean square error in the target's own unit, and 1 - error / variance.
  return `error ${(Math.sqrt(loss) * task.targetUnit).toPrecision(4)} (root mean square)`;
}

function heading(word: string): string {
  const text = word.padEnd(11);
  return showsColors(process.stdout) ? `\u001b[1m${text}\u001b[22m` : text;
}
