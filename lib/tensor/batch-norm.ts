// Batch normalisation and its gradients.

import { checkNumber } from "../check.js";
import { sameShape } from "../device/dtype.js";
import { STEP } from "../device/encode.js";
import { ShapeError } from "../errors.js";
import { liftF32, rowsOf } from "./arguments.js";
import { affine, mul, plain, sub, unary } from "./elementwise.js";
import { output, type Recorder, recording, type Value } from "./recorder.js";
import { sumTo } from "./reduce.js";
import { reshape } from "./shape.js";
import type { Tensor } from "./tensor.js";

/** What `batchNorm` takes beside its input: f32 [channels] each. */
export interface BatchNormArguments {
  readonly gamma: Value;
  readonly beta: Value;
  /** Running mean and variance: programs that train update them, the others use them. */
  readonly mean: Value;
  readonly variance: Value;
  /** The share of a batch in the running statistics. */
  readonly momentum: number;
  readonly eps: number;
}

const NAMES = ["gamma", "beta", "mean", "variance"] as const;

/**
 * (x - mean) / sqrt(variance + eps) * gamma + beta, channel by channel (Ioffe & Szegedy 2015). x f32 [..., channels].
 *
 * In programs that train, mean and (biased) variance are the batch's, and
 * `running = (1 - momentum) * running + momentum * batch`, with the unbiased variance, as PyTorch has it; but a batch that is
 * empty or not finite leaves them as they are, or a step that a guard skips would spoil all evaluation. In the others they are
 * the running ones. A program trains if it minimises something, unless `training` says otherwise.
 */
export function batchNorm(value: Value, given: BatchNormArguments): Tensor {
  const recorder = recording("batchNorm");
  const { eps } = given;
  checkNumber("batchNorm: 'eps'", eps, "a number, 0 or more", (v) => v >= 0);
  checkNumber("batchNorm: 'momentum'", given.momentum, "a number from 0 to 1", (v) => v >= 0 && v <= 1);
  const x = liftF32("batchNorm", "x", value);
  const { rows, cols } = rowsOf("batchNorm", x);
  const [gamma, beta, runningMean, runningVariance] = NAMES.map((name) => {
    const tensor = liftF32("batchNorm", name, given[name]);
    if (sameShape(tensor.shape, [cols])) return tensor;
    throw new ShapeError({ argument: `batchNorm: '${name}'`, got: `${tensor}`, accepted: `f32 [${cols}]` });
  }) as [Tensor, Tensor, Tensor, Tensor];
  const [mean, variance] = [output([cols]), output([cols])];
  const flat = { outer: 1, n: rows, inner: cols, scale: 1 / rows };

  recorder.only("training", () => recorder.emit("reduce", { ...flat, fn: "sum", x, y: mean }));
  recorder.only("evaluation", () => recorder.emit("copy", { bytes: 4 * cols, x: runningMean, y: mean }));
  const centered = plain("sub", x, mean);
  recorder.only("training", () => {
    recorder.emit("reduce", { ...flat, fn: "sumSquares", x: centered, y: variance });
    const control = skipUnlessFinite(recorder, variance);
    blend(recorder, runningMean, mean, given.momentum, control);
    const unbiased = (given.momentum * rows) / Math.max(1, rows - 1);
    blend(recorder, runningVariance, variance, given.momentum, control, unbiased);
  });
  recorder.only("evaluation", () =>
    recorder.emit("copy", { bytes: 4 * cols, x: runningVariance, y: variance }),
  );
  const rstd = unary("reciprocal", unary("sqrt", unary("affine", variance, { beta: eps })));
  const scale = plain("mul", gamma, rstd);
  const y = plain("add", plain("mul", centered, scale), beta);

  // With the sums over the rows of the batch:  ggamma = rstd * sum(gy * centered),  gbeta = sum(gy),
  // gx = scale * (gy - gbeta / rows - centered * rstd^2 * sum(gy * centered) / rows);  the two sums are there because mean
  // and variance depend on x, which the running ones do not.
  recorder.derive([y], [x, gamma, beta], ([gradient]) => {
    const gy = gradient as Tensor;
    const gbeta = once(() => sumTo(gy, [cols]));
    const products = once(() => sumTo(mul(gy, centered), [cols]));
    const forInput = (): Tensor => {
      const slope = whereTraining(recorder, () => affine(mul(mul(rstd, rstd), products()), 1 / rows));
      const shift = whereTraining(recorder, () => affine(gbeta(), 1 / rows));
      return reshape(mul(sub(sub(gy, shift), mul(centered, slope)), scale), x.shape);
    };
    return [
      [x, forInput],
      [gamma, () => mul(products(), rstd)],
      [beta, gbeta],
    ];
  });
  return y;
}

/** The first words of a step, as `commit` reads them: 0 if the values are finite, else NaN, which skips. */
function skipUnlessFinite(recorder: Recorder, values: Tensor): Tensor {
  const [total, control] = [output([1]), output([STEP.control])];
  const { length: n } = values;
  recorder.emit("reduce", { fn: "sum", outer: 1, n, inner: 1, scale: 1, x: values, y: total });
  const places = { shape: control.shape, aStrides: [0], bStrides: [0] };
  recorder.emit("binary", { fn: "sub", ...places, a: total, b: total, y: control });
  return control;
}

/** running = (1 - momentum) * running + share * batch, unless `control` skips; the share is the momentum, or says otherwise. */
function blend(
  recorder: Recorder,
  running: Tensor,
  batch: Tensor,
  momentum: number,
  control: Tensor,
  share = momentum,
): void {
  const kept = unary("affine", running, { alpha: 1 - momentum });
  const x = plain("add", kept, unary("affine", batch, { alpha: share }));
  if (running.memory.external) recorder.statistics.push(running.memory.external);
  recorder.refresh("commit", { n: running.length, prepared: control, x, y: running });
}

/** What `record` gives in programs that train, zeros in the others. */
function whereTraining(recorder: Recorder, record: () => Tensor): Tensor {
  const value = record();
  const y = output(value.shape);
  const n = value.length;
  recorder.only("training", () => recorder.emit("copy", { bytes: 4 * n, x: value, y }));
  recorder.only("evaluation", () => recorder.emit("fill", { dtype: "f32", n, value: 0, y }));
  return y;
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
