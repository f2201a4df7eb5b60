// A sensitivity sweep: every optimizer with every learning rate and every seed.

import { checkChoice, checkKeys, checkNumber, given } from "../check.js";
import { ArgumentError, describe } from "../errors.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { Parameter } from "../tensor/parameter.js";
import { checkSignal } from "./options.js";
import { type OptimizerSummary, type Score, summarizeSweep, type TrialResult } from "./sweep-summary.js";

/** One training of a sweep. */
export interface Trial<N extends string = string> {
  /** Name of the optimizer. */
  readonly optimizer: N;
  readonly lr: number;
  readonly seed: number;
  /** The optimizer, with this learning rate. Whoever makes it disposes it. */
  readonly make: (parameters: readonly Parameter[]) => Optimizer;
  /** The sweep's. */
  readonly signal: AbortSignal | undefined;
}

/** What a trial ends with: of held-out examples, if it is to mean something. NaN or an infinity: it diverged. */
export interface Figures {
  readonly loss: number;
  readonly accuracy?: number;
}

/** Options of `sweep`. */
export interface SweepOptions<N extends string = string> {
  /** By name, in the order in which they are tried: `{ adam: (p, lr) => new Adam(p, { lr }) }`. */
  readonly optimizers: Readonly<Record<N, (parameters: readonly Parameter[], lr: number) => Optimizer>>;
  readonly lrs: readonly number[];
  /** Integers from 0. Three or more tell a difference from luck. */
  readonly seeds: readonly number[];
  /** Trains, and disposes what it made: `trainingTrial`, or a function of one's own. */
  readonly run: (trial: Trial<N>) => Figures | Promise<Figures>;
  /** What is compared: the largest accuracy, or the smallest loss. Default "accuracy". */
  readonly score?: Score;
  /** Learning rates are usable whose mean score is within this of the best of the whole sweep. Default 0.02. */
  readonly tolerance?: number;
  /** Ends the sweep between two trials; a trial that is under way does not count. */
  readonly signal?: AbortSignal;
}

/** A trial has run. */
export interface TrialEvent<N extends string = string> extends TrialResult<N> {
  readonly type: "trial";
  readonly seconds: number;
  /** Trials that have run, and all there are. */
  readonly done: number;
  readonly total: number;
}

/** The last event of a sweep that was not left early. */
export interface SweepEndEvent<N extends string = string> {
  readonly type: "end";
  readonly reason: "completed" | "aborted";
  /** In the order in which they ran. */
  readonly trials: readonly TrialResult<N>[];
  /** Of what has run. */
  readonly summary: readonly OptimizerSummary<N>[];
}

export type SweepEvent<N extends string = string> = TrialEvent<N> | SweepEndEvent<N>;

/**
 * Runs trials one after the other: optimizers in their order, for each the learning rates, for each the seeds. Nothing happens before
 * the first event is asked for, and nothing runs while the consumer has one.
 *
 * ```ts
 * const run = trainingTrial({ device, model: () => new Linear(64, 10), loss: crossEntropy, train, validation, epochs: 3, batchSize: 32 });
 * const optimizers: SweepOptions["optimizers"] = { adam: (p, lr) => new Adam(p, { lr }), sgd: (p, lr) => new SGD(p, { lr }) };
 * for await (const event of sweep({ optimizers, lrs: [1e-3, 1e-2, 1e-1], seeds: [1, 2, 3], run })) {
 *   if (event.type === "end") console.log(event.summary);
 * }
 * ```
 *
 * @throws ArgumentError at the call for a bad option; the loop throws what `run` throws
 */
export function sweep<N extends string>(options: SweepOptions<N>): AsyncGenerator<SweepEvent<N>, void, void> {
  check(options);
  return runTrials(options);
}

function check<N extends string>(options: SweepOptions<N>): void {
  checkKeys("sweep", options, ["optimizers", "lrs", "seeds", "run", "score", "tolerance", "signal"]);
  const { optimizers, lrs, seeds, run } = options;
  const require = (holds: boolean, name: keyof SweepOptions, accepted: string): void => {
    if (!holds)
      throw new ArgumentError({ argument: `sweep: '${name}'`, got: describe(options[name]), accepted });
  };
  const makers = typeof optimizers === "object" && optimizers !== null ? Object.values(optimizers) : [];
  const functions = makers.length > 0 && makers.every((make) => typeof make === "function");
  require(functions, "optimizers", "functions (parameters, lr) => Optimizer, by name");
  const distinct = (list: unknown, holds: (value: unknown) => boolean): boolean =>
    Array.isArray(list) && list.length > 0 && list.every(holds) && new Set(list).size === list.length;
  const positive = (lr: unknown): boolean => typeof lr === "number" && lr > 0 && Number.isFinite(lr);
  require(distinct(lrs, positive), "lrs", "distinct numbers above 0");
  const whole = (seed: unknown): boolean => Number.isSafeInteger(seed) && (seed as number) >= 0;
  require(distinct(seeds, whole), "seeds", "distinct integers, 0 or more");
  require(typeof run === "function", "run", "a function of a trial, such as trainingTrial(...) gives");
  checkChoice("sweep: 'score'", given(options.score, "accuracy"), ["accuracy", "loss"]);
  checkNumber("sweep: 'tolerance'", given(options.tolerance, 0), "a number, 0 or more", (v) => v >= 0);
  checkSignal("sweep: 'signal'", options.signal);
}

function trialsOf<N extends string>({ optimizers, lrs, seeds, signal }: SweepOptions<N>): Trial<N>[] {
  return (Object.keys(optimizers) as N[]).flatMap((optimizer) =>
    lrs.flatMap((lr) =>
      seeds.map((seed) => ({
        optimizer,
        lr,
        seed,
        make: (parameters: readonly Parameter[]) => optimizers[optimizer](parameters, lr),
        signal,
      })),
    ),
  );
}

async function* runTrials<N extends string>(
  options: SweepOptions<N>,
): AsyncGenerator<SweepEvent<N>, void, void> {
  const { run, signal, score = "accuracy", tolerance = 0.02 } = options;
  const all = trialsOf(options);
  const trials: TrialResult<N>[] = [];
  for (const trial of all) {
    if (signal?.aborted) break;
    const began = performance.now();
    const figures = await completed(() => run(trial), signal);
    if (!figures) break;
    const { optimizer, lr, seed } = trial;
    const result = { optimizer, lr, seed, ...checkFigures(figures, score) };
    trials.push(result);
    const seconds = (performance.now() - began) / 1000;
    yield { type: "trial", ...result, seconds, done: trials.length, total: all.length };
  }
  const reason = trials.length < all.length ? "aborted" : "completed";
  yield { type: "end", reason, trials, summary: summarizeSweep(trials, { score, tolerance }) };
}

/** What a trial gives, unless the signal ended it: it may return what it has then, or throw the signal's reason. */
async function completed<T>(
  run: () => T | Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T | undefined> {
  try {
    const result = await run();
    return signal?.aborted ? undefined : result;
  } catch (error) {
    if (signal?.aborted && error === signal.reason) return undefined;
    throw error;
  }
}

function checkFigures(figures: Figures, score: Score): Figures {
  const { loss, accuracy } = figures;
  const given = { loss, ...(accuracy !== undefined && { accuracy }) };
  if (typeof given[score] === "number" && typeof loss === "number") return given;
  throw new ArgumentError({
    argument: "sweep: what 'run' gives",
    got: `loss ${describe(loss)}, accuracy ${describe(accuracy)}`,
    accepted: score === "accuracy" ? 'both as numbers, or score: "loss"' : "a loss, a number",
  });
}
