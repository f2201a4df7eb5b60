// Which dimensions Adafactor takes for rows and columns, against its formula in double.

import { expect } from "chai";
import { Adafactor, type AdafactorOptions, type Device, parameter } from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { floats } from "../support/numbers.js";

const LR = 0.1;
const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const rms = (x: readonly number[]): number => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length);

/** For each element, the mean over the elements that differ from it along `axis` alone. */
function meanAlong(x: readonly number[], shape: readonly number[], axis: number): number[] {
  const [n, inner] = [shape[axis] as number, count(shape.slice(axis + 1))];
  return x.map((_, i) => {
    const first = i - (Math.floor(i / inner) % n) * inner;
    return Array.from({ length: n }, (_, k) => x[first + k * inner] as number).reduce((a, b) => a + b, 0) / n;
  });
}

/** Parameters after steps of optax's formula, factored along two dimensions. */
function expected(shape: readonly number[], axes: readonly [number, number], steps: readonly Float32Array[]) {
  let p = [...floats(1, count(shape))];
  let [row, column] = [p.map(() => 0), p.map(() => 0)];
  steps.forEach((g, step) => {
    const fresh = (step + 1) ** -0.8;
    const squares = [...g].map((v) => v * v + 1e-30);
    const renew = (before: readonly number[], axis: number): number[] =>
      meanAlong(squares, shape, axis).map((v, i) => (1 - fresh) * (before[i] as number) + fresh * v);
    [row, column] = [renew(row, axes[1]), renew(column, axes[0])];
    const share = meanAlong(row, shape, axes[0]);
    const u = [...g].map(
      (v, i) => v / Math.sqrt(((row[i] as number) * (column[i] as number)) / (share[i] as number)),
    );
    const factor = (LR * Math.max(1e-3, rms(p))) / Math.max(1, rms(u));
    p = p.map((v, i) => v - factor * (u[i] as number));
  });
  return p;
}

onEachDevice("Adafactor", (device) => {
  const SHAPE = [6, 2, 5, 3];
  const steps = [1, 2, 3].map((seed) => floats(10 + seed, count(SHAPE)));

  function start(on: Device, shape: readonly number[], options: AdafactorOptions) {
    const [w, g] = [on.from(floats(1, count(shape)), shape), on.alloc("f32", shape)];
    const optimizer = new Adafactor([parameter("w", w, g)], { lr: LR, ...options });
    const step = (gradient: Float32Array): void => {
      g.write(gradient);
      optimizer.step();
    };
    const dispose = (): void => [optimizer, w, g].forEach((owned) => void owned.dispose());
    const states = async () => (await optimizer.state()).parameters.w ?? {};
    return { w, optimizer, step, states, [Symbol.dispose]: dispose };
  }
  const optax = (minDimSizeToFactor = 2) => ({ semantics: "optax", minDimSizeToFactor }) as const;

  it("with optax semantics factors the two largest dimensions, with others the last two", async () => {
    using run = start(device(), SHAPE, optax());
    for (const gradient of steps) run.step(gradient);
    const [got, want] = [await run.w.read(), expected(SHAPE, [0, 2], steps)];
    want.forEach((v, i) => {
      expect(got[i], `element ${i}`).to.be.closeTo(v, 1e-5);
    });
    for (const [shape, options, row, column] of [
      [SHAPE, optax(), 36, 30],
      [SHAPE, {}, 60, 36],
      [[4, 4, 4], optax(), 16, 16],
      [[2, 7], optax(), 2, 7],
      [[7, 2], optax(), 7, 2],
      [[8, 5, 1], optax(), 8, 5],
    ] as const) {
      using one = start(device(), shape, options);
      const { row_var, col_var } = await one.states();
      expect([row_var?.length, col_var?.length], `${shape}`).to.deep.equal([row, column]);
    }
    using small = start(device(), SHAPE, optax(6));
    expect(Object.keys(await small.states()), "the second largest is too small").to.deep.equal(["variance"]);
  });
});
