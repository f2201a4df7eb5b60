// Microseconds per step of AdamW on 1000 parameters of 1024 elements each: views of one block, and in blocks of their own.
//   node --import tsx bench/optim/blocks.ts [device]

import { AdamW, Device, parameter } from "../../lib/index.js";

const [COUNT, LENGTH, STEPS, ROUNDS] = [1000, 1024, 20, 5];

using device = await Device.open(process.argv[2] ?? "auto");

/** Least time of a step over some rounds, after one that records. */
async function microseconds(parameters: readonly ReturnType<typeof parameter>[]): Promise<number> {
  using adam = new AdamW(parameters);
  adam.step();
  await device.sync();
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    for (let i = 0; i < STEPS; i++) adam.step();
    await device.sync();
    best = Math.min(best, ((performance.now() - began) * 1000) / STEPS);
  }
  return best;
}

using values = device.alloc("f32", [COUNT, LENGTH]);
using grads = device.alloc("f32", [COUNT, LENGTH]);
const names = Array.from({ length: COUNT }, (_, i) => `w${i}`);
const views = names.map((name, i) =>
  parameter(name, values.view(i * LENGTH, [LENGTH]), grads.view(i * LENGTH, [LENGTH])),
);
const apart = names.map((name) =>
  parameter(name, device.alloc("f32", [LENGTH]), device.alloc("f32", [LENGTH])),
);
console.log(`AdamW, ${COUNT} x ${LENGTH} parameters, ${device}: us per step`);
console.log(`  views of one block, one launch:    ${(await microseconds(views)).toFixed(0)}`);
console.log(`  blocks of their own, ${COUNT} launches: ${(await microseconds(apart)).toFixed(0)}`);
for (const { value, grad } of apart) for (const buffer of [value, grad]) buffer?.dispose();
