// Adaptive gradient clipping against its formula in double.

import { expect } from "chai";
import {
  Adam,
  type AdaptiveClipOptions,
  type DeviceBuffer,
  Embedding,
  f32,
  i32,
  Linear,
  meanSquaredError,
  type Parameter,
  parameter,
  SGD,
  sumOfSquares,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { floats } from "../support/numbers.js";

const norm = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((total, v) => total + v * v, 0));

/** The gradient of one parameter after clipping, in double; units are rows, or all of a vector. */
function clipped(w: Float32Array, g: Float32Array, shape: readonly number[], factor: number, eps: number) {
  const cols = shape.length < 2 ? w.length : w.length / (shape[0] as number);
  const expected = Float64Array.from(g);
  for (let first = 0; first < w.length; first += cols) {
    const most = factor * Math.max(norm(w.subarray(first, first + cols)), eps);
    const size = norm(g.subarray(first, first + cols));
    if (size > most)
      for (let i = first; i < first + cols; i++) expected[i] = ((g[i] as number) * most) / size;
  }
  return expected;
}

// Rows shorter and longer than a chunk of 4096, in one launch; vectors, a scalar, nothing, a third dimension.
const SHAPES: readonly (readonly number[])[] = [[7, 33], [33], [], [0], [3, 4100], [4, 3, 5], [1], [4097]];

/** Weights whose norms differ by row, some of them zero; gradients on both sides of the limit. */
function values(shape: readonly number[], seed: number): [Float32Array, Float32Array] {
  const length = shape.reduce((product, d) => product * d, 1);
  const cols = shape.length < 2 ? length : length / (shape[0] as number);
  const row = (i: number): number => Math.floor(i / cols) % 4;
  return [
    floats(seed, length).map((v, i) => v * ([0, 1e-6, 1, 30][row(i)] as number)),
    floats(seed + 100, length).map((v, i) => v * ([1e-7, 1, 1e-3, 0.1][row(i)] as number)),
  ];
}

onEachDevice("adaptive gradient clipping", (device) => {
  const made: DeviceBuffer[] = [];
  const own = <B extends DeviceBuffer>(buffer: B): B => {
    made.push(buffer);
    return buffer;
  };
  afterEach(() => made.splice(0).forEach((buffer) => void buffer.dispose()));

  const cases: [number | AdaptiveClipOptions, number, number][] = [
    [0.01, 0.01, 1e-3],
    [{}, 0.01, 1e-3],
    [{ factor: 0.5, eps: 0.1 }, 0.5, 0.1],
  ];
  for (const [adaptive, factor, eps] of cases) {
    it(`limits the gradient of each unit: ${JSON.stringify(adaptive)}`, async () => {
      const all = SHAPES.map((shape, i) => values(shape, i + 1));
      const parameters = SHAPES.map((shape, i) => {
        const [w, g] = all[i] as [Float32Array, Float32Array];
        return parameter(`p${i}`, own(device().from(w, shape)), own(device().from(g, shape)));
      });
      using sgd = new SGD(parameters, { lr: 1 });
      sgd.step({ clip: { adaptive } });
      let limited = 0;
      for (const [i, { name, value, grad }] of parameters.entries()) {
        const [w, g] = all[i] as [Float32Array, Float32Array];
        const expected = clipped(w, g, SHAPES[i] as readonly number[], factor, eps);
        const [after, left] = [await value.read(), await (grad as DeviceBuffer).read()] as Float32Array[];
        const off = expected.map((want, k) => Math.abs((left?.[k] as number) - want) / Math.abs(want || 1));
        // Two sums of up to 4100 squares in f32, their roots, and a quotient.
        expect(Math.max(0, ...off), name).to.be.below(1e-5);
        expect(after, `${name} after the step`).to.deep.equal(w.map((v, k) => v - (left?.[k] as number)));
        limited += expected.filter((want, k) => want !== g[k]).length;
      }
      expect(limited, "elements whose gradient was limited").to.be.above(4000);
    });
  }

  it("takes parameters of a model in one block, by the output units of Linear", async () => {
    using model = new Linear(3, 2).to(device(), { seed: 1 });
    const [weight] = model.parameters() as [Parameter];
    using sgd = new SGD(model.parameters(), { lr: 1 });
    const grad = weight.grad as DeviceBuffer<"f32">;
    weight.value.write(Float32Array.of(3, 4, 0, 0, 0, 0)); // of norm 5, and 0
    grad.write(Float32Array.of(0, 0, 10, 10, 0, 0));
    sgd.step({ clip: { adaptive: { factor: 0.1, eps: 0.01 } } });
    const left = await grad.read();
    for (const [i, want] of [0, 0, 0.5, 0.001, 0, 0].entries()) expect(left[i]).to.be.closeTo(want, 1e-6);
  });

  it("limits bf16 gradients, rounded to the nearest", async () => {
    const [w, g] = [own(device().alloc("bf16", [2, 64])), own(device().alloc("bf16", [2, 64]))];
    w.fill(1); // each row of norm 8
    g.fill(4); // of norm 32
    using sgd = new SGD([parameter("w", w, g)], { lr: 0 });
    sgd.step({ clip: { adaptive: 0.0625 } });
    expect(new Set(await g.read())).to.deep.equal(new Set([0x3d80])); // 4 0.5 / 32 = 0.0625
  });

  it("has no part in the loss scale, whose powers of two change no bit", async () => {
    const run = async (lossScale?: { initial: number }): Promise<Float32Array> => {
      using model = new Linear(5, 3).to(device(), { seed: 2 });
      using adam = new Adam(model.parameters(), { lr: 0.1 });
      const step = { clip: { adaptive: 0.02 }, ...(lossScale && { lossScale }) };
      using program = device().program({ x: f32(4, 5), y: f32(4, 3) }, ({ x, y }) =>
        adam.minimize(meanSquaredError(model.forward(x), y), step),
      );
      for (let i = 0; i < 3; i++) await program.run({ x: floats(i, 20), y: floats(i + 9, 12) });
      return (await model.weight.parameter.value.read()) as Float32Array;
    };
    expect(await run({ initial: 1024 })).to.deep.equal(await run());
  });

  it("leaves what is not finite to the guard", async () => {
    const [w, g] = [own(device().from(floats(1, 12), [3, 4])), own(device().alloc("f32", [3, 4]))];
    using sgd = new SGD([parameter("w", w, g)], { lr: 1 });
    const before = await w.read();
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 3e38]) {
      const gradient = floats(2, 12);
      gradient[5] = bad; // 3e38 is finite, but not the norm of its unit
      g.write(gradient);
      sgd.step({ clip: { adaptive: 0.01 }, guard: {} });
      expect(await w.read()).to.deep.equal(before);
      expect((await g.read())[5]).to.deep.equal(Math.fround(bad));
    }
    const events = await sgd.events();
    expect(events.map(({ cause }) => cause)).to.deep.equal(new Array(3).fill("nonFiniteGradient"));
  });

  it("comes before the norm, which `norm` then limits", async () => {
    using model = new Linear(4, 4, { bias: false }).to(device(), { seed: 3 });
    const { weight } = model;
    using sgd = new SGD(model.parameters(), { lr: 1 });
    const g = floats(7, 16);
    const w = (await weight.parameter.value.read()) as Float32Array;
    weight.parameter.grad?.write(g);
    sgd.step({ clip: { adaptive: 0.1, norm: 0.01 }, guard: {}, watch: 1 });
    const own = clipped(w, g, [4, 4], 0.1, 1e-3);
    const [watched] = await sgd.telemetry();
    expect(watched?.gradNorm).to.be.closeTo(norm(own), 1e-6);
    expect(watched?.updateNorm).to.be.closeTo(0.01, 1e-6);
  });

  it("refuses what it cannot take", async () => {
    const [w, g] = [own(device().alloc("f32", [2])), own(device().alloc("f32", [2]))];
    using sgd = new SGD([parameter("w", w, g)]);
    const wrong: [unknown, RegExp][] = [
      [0, /'clip.adaptive': got 0, accepted: a number above 0/],
      [-0.01, /'clip.adaptive': got -0.01/],
      [Number.NaN, /'clip.adaptive': got NaN/],
      ["0.01", /'clip.adaptive': options: got "0.01", accepted: an object/],
      [{ lambda: 1 }, /'clip.adaptive': option: got "lambda", accepted: factor, eps/],
      [{ factor: 0 }, /'clip.adaptive.factor': got 0/],
      [{ eps: Number.POSITIVE_INFINITY }, /'clip.adaptive.eps': got Infinity/],
    ];
    for (const [adaptive, message] of wrong)
      await expectError("ADASTEP_ARGUMENT", message, () => sgd.step({ clip: { adaptive } as never }));
    using model = new Embedding(9, 4, { sparse: true }).to(device());
    using sparse = new SGD(model.parameters());
    await expectError("ADASTEP_ARGUMENT", /clip.adaptive with sparse tables/, () =>
      device().program({ rows: i32(4) }, ({ rows }) =>
        sparse.minimize(sumOfSquares(model.forward(rows)), { clip: { adaptive: 0.01 } }),
      ),
    );
  });
});
