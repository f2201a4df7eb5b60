// The floor under everything: buffers, gemm and an optimizer, with a gradient written by hand.
// Fits w in  y = x w  by minimising  |x w - y|^2 / n;  its gradient is  2 / n  x^T (x w - y).

import { Adam, Device, gemm, parameter } from "adastep";

const [n, inputs, outputs] = [256, 8, 2];
const truth = Float32Array.from({ length: inputs * outputs }, (_, i) => Math.sin(i + 1));
const xs = Float32Array.from({ length: n * inputs }, (_, i) => Math.cos(i * i)); // n points, spread out

using device = await Device.open();
using x = device.from(xs, [n, inputs]);
using y = device.alloc("f32", [n, outputs]);
using exact = device.from(truth, [inputs, outputs]);
gemm(y, x, exact); // enqueued, as everything below: only read() waits

using w = device.alloc("f32", [inputs, outputs]);
using dw = device.alloc("f32", [inputs, outputs]);
using residual = device.alloc("f32", [n, outputs]);
using adam = new Adam([parameter("w", w, dw)], { lr: 0.05 });

async function squaredError(): Promise<number> {
  residual.copyFrom(y);
  gemm(residual, x, w, { beta: -1 }); // x w - y
  return (await residual.read()).reduce((sum, r) => sum + r * r, 0) / n;
}

const before = await squaredError();
for (let i = 0; i < 400; i++) {
  residual.copyFrom(y);
  gemm(residual, x, w, { beta: -1 });
  gemm(dw, x, residual, { transA: true, alpha: 2 / n });
  adam.step();
}
console.log(`loss ${before.toFixed(6)} -> ${(await squaredError()).toFixed(6)}`);
const found = await w.read();
console.log(
  `largest error of a weight: ${Math.max(...found.map((v, i) => Math.abs(v - (truth[i] ?? 0)))).toFixed(6)}`,
);
