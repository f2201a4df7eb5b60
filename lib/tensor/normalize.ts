// Normalisation of rows, by mean and deviation or by the root mean square, and its gradients.

import { checkNumber } from "../check.js";
import { sameShape } from "../device/dtype.js";
import { ShapeError } from "../errors.js";
import { liftF32, rowsOf } from "./arguments.js";
import { output, recording, type Value } from "./recorder.js";
import type { Tensor } from "./tensor.js";

/**
 * (x - mean) / sqrt(variance + eps) * gamma + beta over the last axis (Ba, Kiros, Hinton 2016). x f32 [..., n]; gamma and
 * beta f32 [n], by default 1 and 0; the variance is the biased one.
 */
export function layerNorm(value: Value, scale?: Value, shift?: Value, eps = 1e-5): Tensor {
  return normalizeRows("layerNorm", true, value, scale, shift, eps);
}

/**
 * x / sqrt(mean(x^2) + eps) * gamma over the last axis (Zhang & Sennrich 2019). x f32 [..., n]; gamma f32 [n], by default 1.
 */
export function rmsNorm(value: Value, scale?: Value, eps = 1e-6): Tensor {
  return normalizeRows("rmsNorm", false, value, scale, undefined, eps);
}

function normalizeRows(
  operation: string,
  centered: boolean,
  value: Value,
  scale: Value | undefined,
  shift: Value | undefined,
  eps: number,
): Tensor {
  checkNumber(`${operation}: 'eps'`, eps, "a number, 0 or more", (v) => v >= 0);
  const recorder = recording(operation);
  const x = liftF32(operation, "x", value);
  const { rows, cols } = rowsOf(operation, x);
  const [gamma, beta] = (["gamma", "beta"] as const).map((name, i) => {
    const given = i === 0 ? scale : shift;
    const tensor = given === undefined ? undefined : recorder.lift(`${operation}: '${name}'`, given);
    if (tensor && (tensor.dtype !== "f32" || !sameShape(tensor.shape, [cols]))) {
      throw new ShapeError({
        argument: `${operation}: '${name}'`,
        got: `${tensor}`,
        accepted: `f32 [${cols}]`,
      });
    }
    return tensor;
  });
  const [y, mean, rstd] = [output(x.shape), output([rows]), output([rows])];
  recorder.emit("layerNorm", { centered, rows, cols, eps, x, gamma, beta, y, mean, rstd });

  recorder.derive([y], [x, ...(gamma ? [gamma] : []), ...(beta ? [beta] : [])], ([gy]) => {
    // Both parameter gradients come from one pass over x; it is recorded when the first of them is asked for.
    let parameters: { ggamma: Tensor; gbeta: Tensor } | undefined;
    const parameterGradients = (): { ggamma: Tensor; gbeta: Tensor } => {
      if (!parameters) {
        parameters = { ggamma: output([cols]), gbeta: output([cols]) };
        recorder.emit("layerNormParamGrad", { rows, cols, x, mean, rstd, gy, ...parameters });
      }
      return parameters;
    };
    const forInput = (): Tensor => {
      const gx = output(x.shape);
      recorder.emit("layerNormGrad", { centered, rows, cols, x, gamma, mean, rstd, gy, gx });
      return gx;
    };
    const result: [Tensor, () => Tensor][] = [[x, forInput]];
    if (gamma) result.push([gamma, () => parameterGradients().ggamma]);
    if (beta) result.push([beta, () => parameterGradients().gbeta]);
    return result;
  });
  return y;
}
