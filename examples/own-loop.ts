// A training loop of one's own: the step is recorded once, and every iteration is one call into native code.

import { Adam, add, Device, f32, Linear, meanSquaredError, mul, Sequential, tanh } from "adastep";

using device = await Device.open();
using model = new Sequential(new Linear(1, 32), tanh, new Linear(32, 1)).to(device, { seed: 7 });
using adam = new Adam(model.parameters(), { lr: 1e-2 });

const batch = 64;
using step = device.program({ x: f32(batch, 1) }, ({ x }) => {
  const cube = mul(mul(x, x), x); // the function to learn, computed on the device: x^3 - x / 2
  return adam.minimize(meanSquaredError(model.forward(x), add(cube, mul(x, -0.5))), { clip: { norm: 1 } });
});

let first = Number.NaN;
let last = Number.NaN;
for (let i = 0; i < 500; i++) {
  const x = Float32Array.from({ length: batch }, (_, j) => -1 + (2 * ((j * 37 + i) % batch)) / batch);
  const { loss, gradNorm } = await step.run({ x });
  if (i === 0) first = loss;
  if (i % 100 === 0) console.log(`step ${i}: loss ${loss.toFixed(5)}, gradient norm ${gradNorm.toFixed(3)}`);
  last = loss;
}
console.log(`${step.bytes.arena} bytes of intermediates, ${adam.bytes.state} bytes of optimizer state`);
console.log(`loss ${first.toFixed(5)} -> ${last.toFixed(5)}`);
