// Trainings for tests of checkpoints: made anew as by a new process, and followed event by event.

import {
  crossEntropy,
  type Device,
  Dropout,
  type ExampleSource,
  Linear,
  type Module,
  type Optimizer,
  type Parameter,
  plateau,
  type RunOptions,
  relu,
  Sequential,
  Trainer,
  type TrainerEvent,
  type TrainerOptions,
  warmup,
} from "../../lib/index.js";
import { clouds } from "./support.js";

export const TRAIN = clouds(30);
export const VALIDATION = clouds(9, 2);
export const RUN: RunOptions = {
  epochs: 3,
  batchSize: 4,
  validation: VALIDATION,
  evaluateEvery: 5,
  logEvery: 3,
};

export interface Training extends AsyncDisposable {
  readonly trainer: Trainer;
  readonly model: Module;
  readonly optimizer: Optimizer;
}

export type Make = (parameters: readonly Parameter[]) => Optimizer;

export const mlp = (): Module => new Sequential(new Linear(4, 16), relu, new Dropout(0.2), new Linear(16, 2));

/** A training as a new process makes it, from a checkpoint if `from` is given. */
export async function start(
  device: Device,
  make: Make,
  more: Partial<TrainerOptions> = {},
  from?: string,
  makeModel = mlp,
): Promise<Training> {
  const model = makeModel().to(device, { seed: 5 });
  const optimizer = make(model.parameters());
  const p = plateau({ patience: 0, factor: 0.7 });
  const options: TrainerOptions = {
    ...{ device, model, optimizer, loss: crossEntropy, seed: 9 },
    ...{ schedule: warmup(6).then(p), plateau: p, clip: { norm: 1 }, guard: {} },
    ...more,
  };
  const trainer = from === undefined ? new Trainer(options) : await Trainer.resume(from, options);
  const dispose = async (): Promise<void> => {
    await trainer.dispose();
    optimizer.dispose();
    model.dispose();
  };
  return { trainer, model, optimizer, [Symbol.asyncDispose]: dispose };
}

/** The events of a run, without what depends on clocks and folders; until after `last`, if it is given. */
export async function follow(
  { trainer }: Training,
  options: RunOptions,
  last: (event: TrainerEvent) => boolean = () => false,
  train: ExampleSource = TRAIN,
): Promise<object[]> {
  const events: object[] = [];
  for await (const event of trainer.run(train, options)) {
    const {
      seconds: _s,
      examplesPerSecond: _e,
      path: _p,
      ...lasting
    } = { path: "", seconds: 0, examplesPerSecond: 0, ...event };
    events.push(lasting);
    if (last(event)) break;
  }
  return events;
}

export const stateOf = async ({ model, optimizer }: Training) => [
  await model.state(),
  await optimizer.state(),
];
export const isCheckpoint = (step: number) => (event: TrainerEvent) =>
  event.type === "checkpoint" && event.step === step;
