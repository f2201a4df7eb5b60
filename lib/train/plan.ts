// What training takes of a device's memory, before any of it is allocated.

import { checkChoice, checkInteger, checkKeys } from "../check.js";
import { dryDevice } from "../device/dry.js";
import { AdastepError, ArgumentError, describe } from "../errors.js";
import type { Loss } from "../nn/losses.js";
import { Module, place } from "../nn/module.js";
import type { StepOptions } from "../optim/clip.js";
import { Optimizer } from "../optim/optimizer.js";
import type { Precision } from "../optim/precision.js";
import type { StorageOptions } from "../optim/storage.js";
import type { InputSpec } from "../tensor/inputs.js";
import type { Parameter } from "../tensor/parameter.js";
import { Program } from "../tensor/program.js";
import { type PlanBytes, type PlanChoice, type PlanRefusal, TrainingPlan } from "./plan-table.js";

/** The class of an optimizer, such as `AdamW`. */
export type OptimizerClass = new (parameters: readonly Parameter[], options: never) => Optimizer;

/** A class, or a class with options that decide what it keeps: `{ optimizer: Adam, options: { amsgrad: true } }`. */
export type PlanCandidate =
  | OptimizerClass
  | { readonly optimizer: OptimizerClass; readonly options?: Readonly<Record<string, unknown>> };

/** What to plan for. */
export interface PlanOptions {
  /** One candidate, or several to compare. */
  readonly optimizer: PlanCandidate | readonly PlanCandidate[];
  /** Bytes of device memory that training may take. Default: no limit. */
  readonly budget?: number;
  /** Of the optimizer's state, to compare. Default all: `["f32", "bf16", "u8"]`. */
  readonly precision?: readonly Precision[];
  /** As in the options of the optimizers, for every candidate: a running mean of the parameters. */
  readonly average?: number;
  /** As in the options of the optimizers, for every candidate: the parameters in bf16 too. */
  readonly copy?: "bf16";
  /** How steps are taken: snapshots of a guard take memory, and so do some limits. */
  readonly step?: StepOptions;
  /**
   * Types and shapes of a batch, with `loss`: then what a step computes on the way is among the temporaries. Without, nothing of a
   * step of a model with sparse tables is, since that depends on the rows in use.
   */
  readonly batch?: { readonly x: InputSpec; readonly y: InputSpec };
  /** Of the model's output and the target, with `batch`. */
  readonly loss?: Loss;
}

const OPTIONS = ["optimizer", "budget", "precision", "average", "copy", "step", "batch", "loss"];
const PRECISIONS: readonly Precision[] = ["f32", "bf16", "u8"];

/**
 * Counts the bytes that training a model takes on a device, for each optimizer and precision of its state, and proposes what fits
 * the budget: f32 before bf16 before u8, then what takes less. Nothing is allocated; the model needs no device yet, and one that it
 * has stays as it is. The figures are exact: the same code that allocates is run on a device that only counts.
 *
 * ```ts
 * const memory = plan(model, { optimizer: [AdamW, AdaGrad], budget: 64 * 2 ** 20, batch: { x: f32(128, 784), y: i32(128) }, loss: crossEntropy });
 * console.log(String(memory));                                     // a table
 * const { optimizer: Class, options } = memory.propose();          // throws if nothing fits
 * const adam = new AdamW(model.parameters(), { lr: 1e-3, precision: memory.propose().precision });
 * ```
 *
 * Counted is what one optimizer and one recorded step hold: a Trainer records one for each size of batch and one to evaluate, and
 * a CUDA driver takes memory of its own.
 * @throws ArgumentError for an option that is wrong, or if no candidate takes the model; options of candidates are checked by their
 * classes
 */
export function plan(model: Module, options: PlanOptions): TrainingPlan {
  if (!(model instanceof Module))
    throw new ArgumentError({ argument: "plan: 'model'", got: describe(model), accepted: "a Module" });
  checkKeys("plan", options, OPTIONS);
  const { budget, precision = PRECISIONS } = options;
  if (budget !== undefined) checkInteger("plan: 'budget'", budget, 0);
  if (!Array.isArray(precision) || precision.length === 0)
    throw new ArgumentError({
      argument: "plan: 'precision'",
      got: describe(precision),
      accepted: "a non-empty array",
    });
  for (const one of precision) checkChoice("plan: 'precision'", one, PRECISIONS);
  if ((options.batch === undefined) !== (options.loss === undefined)) {
    const got = options.batch ? "a batch without 'loss'" : "a loss without 'batch'";
    throw new ArgumentError({ argument: "plan", got, accepted: "both or none" });
  }

  const choices: PlanChoice[] = [];
  const refusals: (Omit<PlanRefusal, "reason"> & { readonly error: AdastepError })[] = [];
  for (const { optimizer, options: own } of candidatesOf(options.optimizer)) {
    const { name } = optimizer;
    const common = { ...storageOf(options), ...own };
    const tried = (one: Precision) =>
      refusable(() => count(model, optimizer, { ...common, precision: one }, options));
    const whole = tried("f32"); // its class checks the options, whatever the precision
    const wanted = "precision" in own ? [own.precision as Precision] : precision;
    for (const one of PRECISIONS.filter((known) => wanted.includes(known))) {
      const bytes = one === "f32" || whole instanceof AdastepError ? whole : tried(one);
      if (bytes instanceof AdastepError) {
        refusals.push({ name, precision: one, error: bytes });
        continue;
      }
      const fits = budget === undefined || bytes.total <= budget;
      const kept = { ...common, precision: one };
      choices.push({ name, optimizer, options: kept, precision: one, bytes, fits });
    }
  }
  const wrong = refusals.find(({ error }) => !error.argument?.endsWith(": 'precision'"));
  if (wrong && choices.length === 0) throw wrong.error;
  const refused = refusals.map(({ error, ...candidate }) => ({ ...candidate, reason: error.message }));
  const rank = ({ precision: p }: PlanChoice): number => PRECISIONS.indexOf(p);
  choices.sort((a, b) => rank(a) - rank(b) || a.bytes.total - b.bytes.total);
  return new TrainingPlan(choices, refused, budget);
}

/** What a candidate may refuse of the model and of what is wanted of all candidates, while others take it. */
const REFUSABLE = /: '(precision|parameters|average|copy)'$/;

function refusable(count: () => PlanBytes): PlanBytes | AdastepError {
  try {
    return count();
  } catch (error) {
    if (error instanceof AdastepError && REFUSABLE.test(error.argument ?? "")) return error;
    throw error;
  }
}

function candidatesOf(given: PlanOptions["optimizer"]) {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  const candidates = list.map((candidate) => {
    const { optimizer, options = {} } = (
      typeof candidate === "function" ? { optimizer: candidate } : (candidate ?? {})
    ) as { optimizer: OptimizerClass; options?: Readonly<Record<string, unknown>> };
    const isClass = typeof optimizer === "function" && optimizer.prototype instanceof Optimizer;
    if (isClass && typeof options === "object" && options !== null) return { optimizer, options };
    throw new ArgumentError({
      argument: "plan: 'optimizer'",
      got: describe(candidate),
      accepted: "an optimizer's class, such as AdamW, or { optimizer: AdamW, options }, or an array of them",
    });
  });
  if (candidates.length > 0) return candidates;
  throw new ArgumentError({
    argument: "plan: 'optimizer'",
    got: "an empty array",
    accepted: "at least one class",
  });
}

function storageOf({ average, copy }: PlanOptions): StorageOptions {
  return { ...(average !== undefined && { average }), ...(copy !== undefined && { copy }) };
}

/** Makes the optimizer and one step on a device that counts. */
function count(
  model: Module,
  Class: OptimizerClass,
  own: Readonly<Record<string, unknown>>,
  { step = {}, batch, loss }: PlanOptions,
): PlanBytes {
  const device = dryDevice();
  const entries = [...model.declared()];
  const placed = entries.map(([, declared]) => declared.placed);
  try {
    place(device, entries);
    const parameters = device.memory().live;
    const optimizer = new Class(
      entries.flatMap(([, declared]) => (declared.trained ? [declared.parameter] : [])),
      own as never,
    );
    if (batch && loss)
      new Program(device, { ...batch }, ({ x, y }) => optimizer.minimize(loss(model.forward(x), y), step));
    else if (!optimizer.groups.some(({ params }) => params.some(({ sparse }) => sparse)))
      optimizer.step(step);
    const { gradients, state, snapshots } = optimizer.bytes;
    const total = device.memory().live;
    const temporaries = total - parameters - gradients - state - snapshots;
    return { parameters, gradients, state, snapshots, temporaries, total };
  } finally {
    entries.forEach(([, declared], i) => {
      declared.placed = placed[i];
    });
  }
}
