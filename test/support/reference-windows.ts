// Plain references of operations on images [n, h, w, c], in double precision: loops written from the definitions.

import { type Array_, count } from "./reference.js";

export interface Window {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
}

const outputSize = (size: number, kernel: number, stride: number, padding: number): number =>
  Math.floor((size + 2 * padding - kernel) / stride) + 1;

/** For each window of each image: `f` of the elements of a channel inside the image, padding left out. */
function pool(x: Array_, { kernel, stride, padding }: Window, f: (elements: number[]) => number): Array_ {
  const [n = 0, h = 0, w = 0, c = 0] = x.shape;
  const outH = outputSize(h, kernel[0], stride[0], padding[0]);
  const outW = outputSize(w, kernel[1], stride[1], padding[1]);
  const data: number[] = [];
  for (let image = 0; image < n; image++)
    for (let oh = 0; oh < outH; oh++)
      for (let ow = 0; ow < outW; ow++)
        for (let channel = 0; channel < c; channel++) {
          const elements: number[] = [];
          for (let kh = 0; kh < kernel[0]; kh++)
            for (let kw = 0; kw < kernel[1]; kw++) {
              const [row, col] = [oh * stride[0] - padding[0] + kh, ow * stride[1] - padding[1] + kw];
              if (row < 0 || row >= h || col < 0 || col >= w) continue;
              elements.push(x.data[((image * h + row) * w + col) * c + channel] as number);
            }
          data.push(f(elements));
        }
  return { shape: [n, outH, outW, c], data };
}

export const maxPool = (x: Array_, window: Window): Array_ => pool(x, window, (all) => Math.max(...all));

export const avgPool = (x: Array_, window: Window): Array_ =>
  pool(x, window, (all) => all.reduce((s, v) => s + v, 0) / count(window.kernel));

/** weight [outputs, inputs, kernelH, kernelW]. */
export function conv2d(
  x: Array_,
  weight: Array_,
  bias: Array_ | undefined,
  { stride, padding }: Omit<Window, "kernel">,
): Array_ {
  const [n = 0, h = 0, w = 0, inputs = 0] = x.shape;
  const [outputs = 0, , kernelH = 0, kernelW = 0] = weight.shape;
  const outH = outputSize(h, kernelH, stride[0], padding[0]);
  const outW = outputSize(w, kernelW, stride[1], padding[1]);
  const data: number[] = [];
  for (let image = 0; image < n; image++)
    for (let oh = 0; oh < outH; oh++)
      for (let ow = 0; ow < outW; ow++)
        for (let o = 0; o < outputs; o++) {
          let total = bias ? (bias.data[o] as number) : 0;
          for (let i = 0; i < inputs; i++)
            for (let kh = 0; kh < kernelH; kh++)
              for (let kw = 0; kw < kernelW; kw++) {
                const [row, col] = [oh * stride[0] - padding[0] + kh, ow * stride[1] - padding[1] + kw];
                if (row < 0 || row >= h || col < 0 || col >= w) continue;
                total +=
                  (x.data[((image * h + row) * w + col) * inputs + i] as number) *
                  (weight.data[((o * inputs + i) * kernelH + kh) * kernelW + kw] as number);
              }
          data.push(total);
        }
  return { shape: [n, outH, outW, outputs], data };
}

/** softmax(q k^T / sqrt(d)) v for [batch, t, d] each, position i seeing the first `seen(i)`. */
export function attention(q: Array_, k: Array_, v: Array_, seen: (i: number) => number): Array_ {
  const [batch = 0, t = 0, d = 0] = q.shape;
  const [, s = 0, e = 0] = v.shape;
  const data: number[] = [];
  for (let b = 0; b < batch; b++)
    for (let i = 0; i < t; i++) {
      const scores = Array.from({ length: seen(i) }, (_, j) => {
        let dot = 0;
        for (let m = 0; m < d; m++)
          dot += (q.data[(b * t + i) * d + m] as number) * (k.data[(b * s + j) * d + m] as number);
        return Math.exp(dot / Math.sqrt(d));
      });
      const total = scores.reduce((sum, score) => sum + score, 0);
      for (let m = 0; m < e; m++)
        data.push(
          scores.reduce(
            (sum, score, j) => sum + (score / total) * (v.data[(b * s + j) * e + m] as number),
            0,
          ),
        );
    }
  return { shape: [batch, t, e], data };
}
