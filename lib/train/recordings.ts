// The programs of a trainer: one per kind and batch shape, recorded when first needed.

import type { Device } from "../device/device.js";
import type { Shape } from "../device/dtype.js";
import { DisposedError, describe, ShapeError } from "../errors.js";
import type { Loss } from "../nn/losses.js";
import type { Module } from "../nn/module.js";
import type { StepOptions } from "../optim/clip.js";
import type { Optimizer } from "../optim/optimizer.js";
import { equal } from "../tensor/elementwise.js";
import type { InputSpec } from "../tensor/inputs.js";
import { Program } from "../tensor/program.js";
import { argmax, sum } from "../tensor/reduce.js";
import { cast } from "../tensor/shape.js";
import { asScalar, type Scalar, Tensor } from "../tensor/tensor.js";
import type { Feed, Inputs } from "./feed.js";

export type StepProgram = Program<Inputs, { loss: Scalar; gradNorm: Scalar }>;
/** `correct` counts the rows whose largest logit is their label; it is there only for labels. */
export type EvaluationProgram = Program<Inputs, { loss: Scalar } | { loss: Scalar; correct: Scalar }>;
/** With the shape of its result. */
export interface PredictionProgram extends Disposable {
  readonly program: Program<{ readonly x: InputSpec }, { y: Tensor }>;
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
}

/** A run needs four at once: training and evaluation, each with its smaller last batch. */
const CAPACITY = 8;

function keyOf(kind: string, inputs: Readonly<Record<string, InputSpec>>): string {
  return [kind, ...Object.values(inputs).map(({ dtype, shape }) => `${dtype}[${shape}]`)].join(" ");
}

/** Rows whose largest logit is their label, as f32: exact for up to 2^24 rows. Undefined if `y` does not hold labels. */
function countCorrect(logits: Tensor, y: Tensor): Scalar | undefined {
  const rows = logits.shape.slice(0, -1);
  if (y.dtype !== "i32" || logits.rank < 2 || rows.join() !== y.shape.join()) return undefined;
  return sum(equal(cast(argmax(logits), "f32"), cast(y, "f32")));
}

/** The loss of a batch, if it is one number: a mean over the examples. */
function checkedLoss(loss: Loss, output: Tensor, target: Tensor): Scalar {
  const value: unknown = loss(output, target);
  if (!(value instanceof Tensor) || value.rank !== 0) {
    const got = value instanceof Tensor ? `a loss that gives ${value}` : describe(value);
    throw new ShapeError({
      argument: "Trainer: 'loss'",
      got,
      accepted: "a function that gives a scalar, shape []",
    });
  }
  return asScalar(value);
}

/** Records programs and keeps those that were used last. */
export class Recordings {
  readonly #parts: Parts;
  readonly #kept = new Map<string, Disposable>();
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** One training step on a batch. */
  step(inputs: Inputs): StepProgram {
    const { device, model, loss, optimizer, minimize, feed, seed } = this.#parts;
    return this.#keep(
      keyOf("step", inputs),
      () =>
        new Program(
          device,
          inputs,
          ({ x, y }) =>
            optimizer.minimize(
              checkedLoss(loss, model.forward(feed.modelInput(x)), feed.target(y)),
              minimize,
            ),
          { seed },
        ),
    );
  }

  /** Loss of a batch, and how many of it are right. */
  evaluation(inputs: Inputs): EvaluationProgram {
    const { device, model, loss, feed } = this.#parts;
    return this.#keep(
      keyOf("evaluation", inputs),
      () =>
        new Program(device, inputs, ({ x, y }) => {
          const output = model.forward(feed.modelInput(x));
          const target = feed.target(y);
          const correct = countCorrect(output, target);
          const value = checkedLoss(loss, output, target);
          return correct ? { loss: value, correct } : { loss: value };
        }),
    );
  }

  /** The output of the model for a batch. */
  prediction(x: InputSpec): PredictionProgram {
    const { device, model, feed } = this.#parts;
    return this.#keep(keyOf("prediction", { x }), () => {
      let shape: Shape = [];
      const program = new Program(device, { x }, (tensors) => {
        const y = model.forward(feed.modelInput(tensors.x));
        if (y.dtype !== "f32" || y.rank === 0 || y.shape[0] !== x.shape[0]) {
          throw new ShapeError({
            argument: "trainer.predict: the model's output",
            got: `${y} for ${x.shape[0]} examples`,
            accepted: "f32 with a row for each example",
          });
        }
        shape = y.shape;
        return { y };
      });
      return { program, shape, [Symbol.dispose]: () => program.dispose() };
    });
  }

  #keep<P extends Disposable>(key: string, record: () => P): P {
    if (this.#closed) throw disposedError("trainer");
    const program = (this.#kept.get(key) as P | undefined) ?? record();
    this.#kept.delete(key);
    this.#kept.set(key, program); // at the end: used last
    for (const [oldest, other] of this.#kept) {
      if (this.#kept.size <= CAPACITY) break;
      other[Symbol.dispose]();
      this.#kept.delete(oldest);
    }
    return program;
  }

  /** Frees all programs, each once the runs of it that were started have ended. */
  clear(): void {
    for (const program of this.#kept.values()) program[Symbol.dispose]();
    this.#kept.clear();
  }

  /** Frees all programs and records no more. */
  close(): void {
    this.#closed = true;
    this.clear();
  }
}

/** The error of a call to a trainer that has ended. */
export function disposedError(argument: string): DisposedError {
  return new DisposedError({ argument, got: "a disposed trainer", accepted: "a trainer that is alive" });
}
