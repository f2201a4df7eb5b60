// One step of several optimizers on one loss.

import { expect } from "chai";
import {
  AdamW,
  add,
  crossEntropy,
  type Device,
  EmbeddingBag,
  f32,
  i32,
  Linear,
  Muon,
  Optimizer,
  type Parameter,
  relu,
  Sequential,
  SGD,
  type StepOptions,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { floats } from "../support/numbers.js";

type Make = (parameters: readonly Parameter[]) => Optimizer[];

const isMatrix = ({ shape }: Parameter): boolean => shape.length === 2;
const byShape = (parameters: readonly Parameter[]): [Parameter[], Parameter[]] => [
  parameters.filter(isMatrix),
  parameters.filter((p) => !isMatrix(p)),
];

/** Losses, norms and parameters of some steps. */
async function train(device: Device, make: Make, options: StepOptions = {}, steps = 6) {
  using model = new Sequential(new Linear(6, 12), relu, new Linear(12, 3)).to(device, { seed: 3 });
  const optimizers = make(model.parameters());
  using program = device.program({ x: f32(8, 6), y: i32(8) }, ({ x, y }) =>
    Optimizer.minimize(optimizers, crossEntropy(model.forward(x), y), options),
  );
  const batch = { x: floats(1, 48), y: Int32Array.from({ length: 8 }, (_, i) => i % 3) };
  const told: { loss: number; gradNorm: number }[] = [];
  for (let i = 0; i < steps; i++) {
    const { loss, gradNorm } = await program.run(batch);
    told.push({ loss, gradNorm });
  }
  const values: Record<string, number[]> = {};
  for (const { name, value } of model.parameters())
    values[name] = [...((await value.read()) as Float32Array)];
  const counts = optimizers.map(({ stepCount }) => stepCount);
  for (const optimizer of optimizers) optimizer.dispose();
  return { told, values, counts };
}

onEachDevice("several optimizers in one step", (device) => {
  const sgd = (p: readonly Parameter[]): Optimizer => new SGD(p, { lr: 0.1, momentum: 0.9 });

  it("have the bits of one over all parameters", async () => {
    const one = await train(device(), (p) => [sgd(p)]);
    const two = await train(device(), (p) => byShape(p).map(sgd));
    expect(two.values).to.deep.equal(one.values);
    expect(two.told.map(({ loss }) => loss)).to.deep.equal(one.told.map(({ loss }) => loss));
    // Sums of squares in another order, and a square of a root.
    for (const [i, { gradNorm }] of two.told.entries())
      expect(gradNorm).to.be.closeTo(one.told[i]?.gradNorm as number, 1e-6);
    expect(two.counts).to.deep.equal([6, 6]);
  });

  it("Muon of the matrices beside AdamW of the rest: each moves its own, and the loss falls", async () => {
    const { told, values } = await train(
      device(),
      (p) => {
        const [matrices, others] = byShape(p);
        return [new Muon(matrices, { lr: 0.02 }), new AdamW(others, { lr: 0.01 })];
      },
      { guard: {} },
      80,
    );
    const start = await train(device(), (p) => [sgd(p)], {}, 0);
    for (const [name, value] of Object.entries(values))
      expect(value, name).to.not.deep.equal(start.values[name]);
    expect(told.at(-1)?.loss).to.be.below((told[0]?.loss as number) / 2);
  });

  it("clip each by the norm of its own parameters", async () => {
    const clip = { norm: 1e-3 };
    const { values } = await train(
      device(),
      (p) => byShape(p).map((own) => new SGD(own, { lr: 1 })),
      { clip },
      1,
    );
    const start = await train(device(), (p) => [sgd(p)], {}, 0);
    for (const matrix of [true, false]) {
      const moves = Object.entries(values)
        .filter(([name]) => name.endsWith("weight") === matrix)
        .flatMap(([name, value]) => value.map((v, i) => v - (start.values[name]?.[i] as number)));
      expect(Math.hypot(...moves)).to.be.closeTo(1e-3, 2e-6); // lr 1; differences of f32 numbers around 1
    }
  });

  it("take sparse tables, each its own", async () => {
    const bags = (sparse: boolean, make: Make) => async (): Promise<number[][]> => {
      const [one, two] = [new EmbeddingBag(9, 3, { sparse }), new EmbeddingBag(7, 3, { sparse })].map((bag) =>
        bag.to(device(), { seed: 5 }),
      ) as [EmbeddingBag, EmbeddingBag];
      const tables = [one.parameters()[0], two.parameters()[0]] as Parameter[];
      const optimizers = make(tables);
      using program = device().program({ a: i32(3, 2), b: i32(3, 2), y: i32(3) }, ({ a, b, y }) =>
        Optimizer.minimize(optimizers, crossEntropy(add(one.forward(a), two.forward(b)), y)),
      );
      const [a, b] = [Int32Array.of(0, 8, 3, 3, 1, 5), Int32Array.of(6, 6, 0, 2, 1, 0)];
      for (let i = 0; i < 3; i++) await program.run({ a, b, y: Int32Array.of(0, 1, 2) });
      const values = await Promise.all(tables.map(async ({ value }) => [...(await value.read())]));
      for (const owned of [...optimizers, one, two]) owned.dispose();
      return values;
    };
    const each: Make = (tables) => tables.map((table) => new SGD([table], { lr: 0.5 }));
    expect(await bags(true, each)()).to.deep.equal(await bags(false, each)());
  });

  it("refuse what they cannot do", async () => {
    const bad: [Make, StepOptions, RegExp][] = [
      [() => [], {}, /Optimizer\.minimize: 'optimizers': got .*accepted: a non-empty array of optimizers/],
      [() => [5 as never], {}, /'optimizers'/],
      [(p) => [sgd(p), sgd(p.slice(1, 2))], {}, /"0\.bias" in two of them/],
      [(p) => byShape(p).map(sgd), { lossScale: {} }, /'lossScale'/],
      [(p) => byShape(p).map(sgd), { clip: { norm: -1 } }, /Optimizer\.minimize: 'clip/],
    ];
    for (const [make, options, pattern] of bad)
      await expectError("ADASTEP_ARGUMENT", pattern, () => train(device(), make, options));
  });
});
