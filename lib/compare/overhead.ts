// What an optimizer costs: bytes of state, and time of a training step, in rounds that take turns.

import type { Device } from "../device/device.js";
import type { TrainerEvent } from "../train/events.js";
import { Trainer } from "../train/trainer.js";
import { BASELINE, type OptimizerName } from "./names.js";
import { OPTIMIZERS } from "./optimizers.js";
import type { Task } from "./tasks.js";

/** The costs of an optimizer on a task. */
export interface Overhead {
  readonly optimizer: OptimizerName;
  readonly parameters: number;
  readonly stateBytes: number;
  /** A whole step, forward and backward pass included: of the fastest round, which the rest of the machine has disturbed least. */
  readonly milliseconds: number;
  /** Times that of the baseline; NaN without a baseline. */
  readonly ratio: number;
  /** How much longer it took in the second fastest session, as a share; NaN of one session. */
  readonly noise: number;
}

/** Steps of a round, at least. */
const STEPS = 40;
/** Of these runs, which are not about what is learnt: nothing diverges. */
const LR = 1e-4;

/** How thoroughly steps are timed. */
export interface Timing {
  /** How often models and optimizers are made anew: where memory comes to lie may make a tenth of the time. */
  readonly sessions: number;
  /** Of each optimizer in a session, after one that is not counted. */
  readonly rounds: number;
}

/**
 * Trains models of all optimizers in turns, a round of 40 steps or more each, so that whatever else the machine does hits all alike;
 * each session makes them in another order.
 */
export async function measureOverhead(
  device: Device,
  task: Task,
  names: readonly OptimizerName[],
  { sessions, rounds }: Timing,
): Promise<Overhead[]> {
  const timed: Timed[][] = [];
  for (let i = 0; i < sessions; i++) {
    const order = names.map((_, j) => names[(i + j) % names.length] as OptimizerName);
    timed.push(await timeSession(device, task, order, rounds));
  }
  const all = timed.flat();
  const fastest = (name: OptimizerName): number[] =>
    all
      .filter(({ optimizer }) => optimizer === name)
      .map(({ seconds }) => seconds)
      .sort((a, b) => a - b);
  const base = fastest(BASELINE)[0] ?? Number.NaN;
  return names.map((name) => {
    const { optimizer, parameters, stateBytes } = all.find((own) => own.optimizer === name) as Timed;
    const [first = Number.NaN, second = Number.NaN] = fastest(name);
    const times = { milliseconds: 1000 * first, ratio: first / base, noise: second / first - 1 };
    return { optimizer, parameters, stateBytes, ...times };
  });
}

interface Timed extends Pick<Overhead, "optimizer" | "parameters" | "stateBytes"> {
  /** Of a step in the fastest round. */
  readonly seconds: number;
}

async function timeSession(
  device: Device,
  task: Task,
  names: readonly OptimizerName[],
  rounds: number,
): Promise<Timed[]> {
  const runs = names.map((name) => new TimedRun(device, task, name, rounds + 1));
  try {
    for (const run of runs) await run.round(); // the first one records the program
    const fastest = runs.map(() => Number.POSITIVE_INFINITY);
    for (let i = 0; i < rounds; i++) {
      for (let j = 0; j < runs.length; j++) {
        const turn = (i + j) % runs.length; // nobody comes always after the same
        const seconds = await (runs[turn] as TimedRun).round();
        fastest[turn] = Math.min(fastest[turn] as number, seconds);
      }
    }
    return runs.map((run, j) => ({ ...run.costs, seconds: (fastest[j] as number) / run.steps }));
  } finally {
    for (const run of runs) await run.close();
  }
}

/** A training that goes on a round at a time. */
class TimedRun {
  readonly #model;
  readonly #optimizer;
  readonly #trainer: Trainer;
  readonly #events: AsyncGenerator<TrainerEvent>;
  readonly #name: OptimizerName;
  readonly #epochs: number;
  /** Of a round. */
  readonly steps: number;

  constructor(device: Device, task: Task, name: OptimizerName, rounds: number) {
    const { loss, inputScale, batchSize, fit } = task;
    this.#name = name;
    this.#model = task.makeModel().to(device, { seed: 0 });
    this.#optimizer = OPTIMIZERS[name].make(this.#model.parameters(), LR);
    const parts = { device, model: this.#model, optimizer: this.#optimizer };
    this.#trainer = new Trainer({ ...parts, loss, inputScale });
    const batches = Math.min(STEPS, Math.floor(fit.size / batchSize)); // whole ones, so that one program serves all
    this.#epochs = Math.ceil(STEPS / batches);
    this.steps = batches * this.#epochs;
    const run = { epochs: rounds * this.#epochs, batchSize, logEvery: STEPS };
    this.#events = this.#trainer.run(fit.take(batches * batchSize), run);
  }

  get costs(): Pick<Overhead, "optimizer" | "parameters" | "stateBytes"> {
    const parameters = this.#model.parameters().reduce((sum, { value }) => sum + value.length, 0);
    return { optimizer: this.#name, parameters, stateBytes: this.#optimizer.bytes.state };
  }

  /** Seconds of the next round: of an epoch of few examples, or more of them if there are too few. */
  async round(): Promise<number> {
    let seconds = 0;
    for (let ended = 0; ended < this.#epochs; ) {
      const { value, done } = await this.#events.next();
      if (done) throw new Error("a timed run has ended before its last round");
      if (value.type !== "epoch") continue;
      seconds += value.seconds;
      ended += 1;
    }
    return seconds;
  }

  async close(): Promise<void> {
    await this.#events.return(undefined);
    await this.#trainer[Symbol.asyncDispose]();
    this.#optimizer.dispose();
    this.#model.dispose();
  }
}
