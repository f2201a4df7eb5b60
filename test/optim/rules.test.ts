// What holds for every update rule in every dialect: nothing becomes NaN, resting stays resting, all devices agree.

import { expect } from "chai";
import fc from "fast-check";
import { Device, parameter } from "../../lib/index.js";
import { deviceNames, onEachDevice } from "../support/devices.js";
import { floats } from "../support/numbers.js";
import {
  construct,
  describeVariant,
  OF_WHOLES,
  type Options,
  type Trajectory,
  trajectory,
  VARIANTS,
  type Variant,
} from "./variants.js";

const SIZE = 5;
const RUNS = 12; // per variant: there are 40 of them, each with 3 weight decays

const f32 = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e3, max: 1e3 });
const positiveZero = (v: number): number => v + 0; // -0 may become 0
const parameters = fc.array(f32.map(positiveZero), { minLength: SIZE, maxLength: SIZE });

/** Gradients as they come in bad times: none, denormal, ordinary, with squares near the end of f32. */
const gradient = fc.oneof(
  fc.constant(0),
  fc.constant(-0),
  fc.constantFrom(1e-45, -1e-40, 1e-30, -1e-23, 1e-20),
  f32,
  fc.constantFrom(1e18, -1e18),
);
const gradients = fc.array(fc.array(gradient, { minLength: SIZE, maxLength: SIZE }), {
  minLength: 1,
  maxLength: 8,
});

const withoutEps = ({ class: name, options }: Variant): Options =>
  "momentum" in options ? options : { ...options, eps: name === "Adafactor" ? [0, 0] : 0 };

function expectFinite({ steps, state }: Trajectory): void {
  for (const [name, values] of [
    ...steps.map((values) => ["parameter", values] as const),
    ...Object.entries(state),
  ])
    expect(values.every(Number.isFinite), `${name}: ${values}`).to.equal(true);
}

onEachDevice("every rule", (device) => {
  for (const variant of VARIANTS) {
    it(`${describeVariant(variant)} rests at zero gradients`, async () => {
      const options = { ...variant.options, weightDecay: 0 };
      await fc.assert(
        fc.asyncProperty(parameters, fc.integer({ min: 1, max: 8 }), async (initial, count) => {
          const zeros = Array.from({ length: count }, () => new Float32Array(SIZE));
          const run = await trajectory(device(), { ...variant, options }, initial, zeros);
          expectFinite(run);
          for (const step of run.steps) expect([...step]).to.deep.equal([...Float32Array.from(initial)]);
        }),
        { numRuns: RUNS, seed: 1 },
      );
    });

    it(`${describeVariant(variant)} stays finite`, async () => {
      await fc.assert(
        fc.asyncProperty(parameters, gradients, fc.boolean(), async (initial, rows, decays) => {
          const options = { ...variant.options, weightDecay: decays ? 0.1 : 0 };
          expectFinite(await trajectory(device(), { ...variant, options }, initial, rows));
        }),
        { numRuns: RUNS, seed: 2 },
      );
    });
  }

  it("takes eps 0", async () => {
    for (const variant of VARIANTS.filter(({ class: name }) => name !== "SGD" && name !== "Lion")) {
      const options = withoutEps(variant);
      const rows = [
        [0, 1, 1e-30],
        [0, 0, 1e-30],
        [0, 1, 0],
      ].map((row) => Float32Array.from(row));
      expectFinite(await trajectory(device(), { ...variant, options }, [1, 2, 3], rows));
    }
  });

  it("writes nothing at a step that is skipped", async () => {
    for (const { class: name, options } of VARIANTS) {
      using w = device().from(floats(1, 6), [2, 3]);
      using g = device().from(floats(2, 6), [2, 3]);
      using optimizer = construct(name, [parameter("w", w, g)], options);
      optimizer.step({ guard: {} });
      const [before, state] = [await w.read(), await optimizer.state()];
      g.write(Float32Array.of(1, Number.NaN, 1, 1, 1, 1));
      optimizer.step({ guard: {} });
      expect(await w.read(), name).to.deep.equal(before);
      const after = await optimizer.state();
      expect(after.parameters, name).to.deep.equal(state.parameters);
      expect(after.running, name).to.deep.equal(state.running);
      expect((await optimizer.events()).map(({ action }) => action)).to.deep.equal(["skip"]);
    }
  });

  it("passes a NaN of the gradient on", async () => {
    for (const variant of VARIANTS) {
      const run = await trajectory(device(), variant, [1, 2], [[Number.NaN, 1]]);
      expect(run.steps[0]?.[0], describeVariant(variant)).to.be.NaN;
      const other = run.steps[0]?.[1] as number;
      const spreads = OF_WHOLES.includes(variant.class);
      expect(Number.isNaN(other), describeVariant(variant)).to.equal(spreads);
    }
  });
});

for (const name of deviceNames.filter((device) => device !== "cpu")) {
  describe(`every rule on cpu and ${name}`, () => {
    for (const variant of VARIANTS) {
      it(`${describeVariant(variant)} has the same bits`, async () => {
        using cpu = await Device.open("cpu");
        using other = await Device.open(name);
        const options = { ...variant.options, weightDecay: 0.1 };
        const initial = floats(3, 301);
        const rows = Array.from({ length: 8 }, (_, i) => floats(10 + i, 301, -2, 2));
        const [a, b] = [
          await trajectory(cpu, { ...variant, options }, initial, rows),
          await trajectory(other, { ...variant, options }, initial, rows),
        ];
        expect(b).to.deep.equal(a);
      });
    }
  });
}
