// The programs of a trainer: one per kind and batch shape, recorded when first needed.

import type { Device } from "../device/device.js";
import type { Shape } from "../device/dtype.js";
import { DisposedError } from "../errors.js";
import type { ComputePrecision } from "../native/native.js";
import type { Loss } from "../nn/losses.js";
import type { Module } from "../nn/module.js";
import type { StepOptions } from "../optim/clip.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { StepParts } from "../optim/parts.js";
import { mul } from "../tensor/elementwise.js";
import { f32, type InputSpec } from "../tensor/inputs.js";
import { Program } from "../tensor/program.js";
import type { Scalar, Tensor } from "../tensor/tensor.js";
import { checkedLoss, rowsOf } from "./checked.js";
import { type EvaluationProgram, recordEvaluation } from "./evaluation-program.js";
import type { Feed, Inputs, ModelInputs } from "./feed.js";
import type { Metrics } from "./metrics.js";
import type { Profile } from "./profile.js";
import { Totals } from "./totals.js";

export type StepProgram = Program<Inputs, { loss: Scalar; gradNorm: Scalar }>;
/** A part of a step: `weight` is the share of its examples in those of the step. The last part gives results. */
export type PartProgram = Program<
  Inputs & { readonly weight: InputSpec<"f32"> },
  { loss: Scalar; gradNorm: Scalar } | Record<string, never>
>;
/** A program with the shape of what the model gives for one example. */
export interface PredictionProgram extends Disposable {
  readonly program: Program<ModelInputs, { y: Tensor }>;
  readonly shape: Shape;
}

/** What the programs are made of. */
export interface Parts {
  readonly device: Device;
  readonly model: Module;
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  readonly minimize: StepOptions;
  readonly feed: Feed;
  readonly seed: number;
  /** Of matrix products. */
  readonly precision: ComputePrecision;
  /** Batches per step. Default 1. */
  readonly accumulate?: number;
}

/**
 * A run on columns needs seven at most: the parts of a step and an evaluation, with their smaller last batches. Batches of sparse
 * rows have some lengths more.
 */
const CAPACITY = 24;

function keyOf(kind: string, inputs: Readonly<Record<string, InputSpec>>): string {
  const specs = Object.entries(inputs).map(([name, { dtype, shape }]) => `${name} ${dtype}[${shape}]`);
  return [kind, ...specs].join(" ");
}

/** Records programs and keeps those that were used last. */
export class Recordings {
  readonly #parts: Parts;
  readonly #kept = new Map<string, Disposable>();
  readonly #totals = new Map<string, Totals>();
  /** Times the recording, while a run sets it. */
  profile: Profile | undefined;
  /** What the parts of a step have left so far. */
  #sums: StepParts | undefined;
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** One training step on a batch. */
  step(inputs: Inputs): StepProgram {
    const { device, optimizer, minimize, seed, precision } = this.#parts;
    const body = (tensors: Inputs<Tensor>) => optimizer.minimize(this.#loss(tensors), minimize);
    return this.#keep(keyOf("step", inputs), () => new Program(device, inputs, body, { seed, precision }));
  }

  #loss(tensors: Inputs<Tensor>): Scalar {
    const { model, loss, feed } = this.#parts;
    return checkedLoss(loss, model.forward(feed.modelInput(tensors)), feed.target(tensors.y));
  }

  /**
   * A part of a step on several batches: the first puts gradients into memory, others add to them, the last takes the step. The loss
   * of the step is the mean over all its examples, as if they were one batch.
   */
  part(inputs: Inputs, place: "first" | "middle" | "last"): PartProgram {
    const { device, optimizer, minimize, seed, precision } = this.#parts;
    const sums = this.#partSums();
    const record = (): PartProgram =>
      new Program(
        device,
        { ...inputs, weight: f32() },
        ({ weight, ...tensors }) => {
          const own = mul(this.#loss(tensors), weight);
          if (place === "last") return optimizer.minimize(own, minimize, sums);
          optimizer.accumulate(own, minimize, sums, place === "first");
          return {} as Record<string, never>;
        },
        { seed, precision },
      ) as PartProgram;
    return this.#keep(keyOf(place === "last" ? `last ${sums.key}` : place, inputs), record);
  }

  #partSums(): StepParts {
    this.#checkOpen();
    const { optimizer, accumulate = 1 } = this.#parts;
    this.#sums ??= optimizer.parts(accumulate);
    return this.#sums;
  }

  #checkOpen(): void {
    if (this.#closed) throw disposedError("trainer");
  }

  /** Where evaluations of examples like these add up. */
  totals(inputs: Inputs): Totals {
    this.#checkOpen();
    const each = Object.entries(inputs).map(([name, { dtype, shape }]): [string, InputSpec] => {
      return [name, { dtype, shape: shape.slice(1) }];
    });
    const key = keyOf("totals", Object.fromEntries(each));
    const totals = this.#totals.get(key) ?? new Totals(this.#parts.device);
    this.#totals.set(key, totals);
    return totals;
  }

  /** Adds the loss and the figures of a batch up in `totals`. */
  evaluation(inputs: Inputs, metrics: Metrics, totals: Totals): EvaluationProgram {
    const key = keyOf("evaluation", inputs);
    return this.#keep(key, () => recordEvaluation(this.#parts, inputs, metrics, totals));
  }

  /** The output of the model for a batch. */
  prediction(inputs: ModelInputs): PredictionProgram {
    const { device, model, feed, precision } = this.#parts;
    return this.#keep(keyOf("prediction", inputs), () => {
      let shape: Shape = [];
      const body = (tensors: ModelInputs<Tensor>) => {
        const y = model.forward(feed.modelInput(tensors));
        const examples = "x" in tensors ? tensors.x : tensors.offsets;
        shape = rowsOf("trainer.predict: the model's output", y, examples);
        return { y };
      };
      const program = new Program(device, inputs, body, { precision });
      return { program, shape, [Symbol.dispose]: () => program.dispose() };
    });
  }

  #keep<P extends Disposable>(key: string, record: () => P): P {
    this.#checkOpen();
    const known = this.#kept.get(key) as P | undefined;
    const program = known ?? (this.profile ? this.profile.time("record", record) : record());
    this.#kept.delete(key);
    this.#kept.set(key, program); // at the end: used last
    for (const [oldest, other] of this.#kept) {
      if (this.#kept.size <= CAPACITY) break;
      other[Symbol.dispose]();
      this.#kept.delete(oldest);
    }
    return program;
  }

  /** Frees all programs, each once the runs of it that were started have ended; not what an evaluation adds up that goes on. */
  clear(): void {
    for (const program of this.#kept.values()) program[Symbol.dispose]();
    this.#kept.clear();
    this.#sums?.dispose();
    this.#sums = undefined;
    for (const [key, totals] of this.#totals) {
      if (totals.busy && !this.#closed) continue;
      totals.dispose();
      this.#totals.delete(key);
    }
  }

  /** Frees everything and records no more. */
  close(): void {
    this.#closed = true;
    this.clear();
  }
}

/** The error of a call to a trainer that has ended. */
export function disposedError(argument: string): DisposedError {
  return new DisposedError({ argument, got: "a disposed trainer", accepted: "a trainer that is alive" });
}
