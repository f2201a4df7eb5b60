// Attention, and the heads that it is divided into.

import { sizeOf } from "../device/dtype.js";
import { ShapeError } from "../errors.js";
import { liftF32 } from "./arguments.js";
import { affine } from "./elementwise.js";
import { matmul } from "./matmul.js";
import { output, recording, type Value } from "./recorder.js";
import { move, reshape, stridesOf, transpose } from "./shape.js";
import { type SoftmaxOptions, softmax } from "./softmax.js";
import { Tensor } from "./tensor.js";

/**
 * softmax(q k^T / sqrt(d)) v (Vaswani et al. 2017). q f32 [..., t, d], k [..., s, d], v [..., s, e], with the same leading
 * dimensions; gives [..., t, e]. With `causal`, t = s and position i sees the first i + 1 only.
 */
export function attention(query: Value, key: Value, value: Value, options: SoftmaxOptions = {}): Tensor {
  const [q, k] = [liftF32("attention", "q", query), liftF32("attention", "k", key)];
  const d = q.shape[q.rank - 1] ?? 0;
  if (q.rank < 2 || d === 0 || k.shape[k.rank - 1] !== d) {
    throw new ShapeError({
      argument: "attention: shapes",
      got: `${q} and ${k}`,
      accepted: "q [..., t, d] and k [..., s, d], d at least 1",
    });
  }
  const scores = matmul(affine(q, 1 / Math.sqrt(d)), k, { transB: true });
  return matmul(softmax(scores, options), value);
}

/** What lies in one row [3, heads, d] of x, apart: [batch, t, 3 heads d] -> q, k, v of [batch, heads, t, d] each. */
export function splitHeads(x: Tensor, heads: number): readonly [Tensor, Tensor, Tensor] {
  const [batch = 0, t = 0, width = 0] = x.shape;
  const d = width / (3 * heads);
  const shape = [batch, heads, t, d];
  const strides = [t * width, d, width, 1];
  const part = (whole: Tensor, i: number): Tensor =>
    new Tensor("f32", shape, whole.memory, whole.byteOffset + i * heads * d * sizeOf("f32"));
  const results = [0, 1, 2].map((i) => {
    const y = output(shape);
    move("attention", part(x, i), y, shape, strides, stridesOf(shape));
    return y;
  });
  recording("attention").derive(results, [x], (gradients) => [
    [
      x,
      () => {
        const gx = output(x.shape);
        gradients.forEach((g, i) => {
          move("attention", g, part(gx, i), shape, stridesOf(shape), strides);
        });
        return gx;
      },
    ],
  ]);
  return results as [Tensor, Tensor, Tensor];
}

/** The heads side by side: [batch, heads, t, d] -> [batch, t, heads d]. */
export function joinHeads(x: Tensor): Tensor {
  const [batch = 0, heads = 0, t = 0, d = 0] = x.shape;
  return reshape(transpose(x, [0, 2, 1, 3]), [batch, t, heads * d]);
}
