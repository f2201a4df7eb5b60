// Updates of the rows in use: against PyTorch's sparse trajectories, and against the dense optimizers.

import { expect } from "chai";
import { AdaGrad, embedding, f32, i32, mul, type Optimizer, parameter, SGD, sum } from "../../lib/index.js";
import { checkCatchUp, SparseTable } from "../../lib/optim/sparse.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { floats, random } from "../support/numbers.js";
import { golden, runGolden, setupOf, UNIT } from "./sparse-golden.js";
import { adam, Harness, readStates, type Setup, writeStates } from "./sparse-harness.js";

onEachDevice("sparse updates", (device) => {
  for (const test of golden.cases) {
    const setup = setupOf(test);
    if (!setup || setup.mode === "catchUp") continue;
    it(`follow PyTorch: ${test.name}`, async () => {
      const { steps, states } = await runGolden(device(), setup);
      const largest = golden.initial.map(Math.abs);
      for (const [i, expected] of test.float64.parameters.entries()) {
        for (const [j, value] of expected.entries()) {
          largest[j] = Math.max(largest[j] as number, Math.abs(value));
          const error = Math.abs((steps[i]?.[j] as number) - value) / (largest[j] as number);
          expect(error / UNIT, `step ${i}, element ${j}`).to.be.below(16);
        }
      }
      expect(Object.keys(states)).to.have.members(Object.keys(test.float64.state));
      for (const [name, expected] of Object.entries(test.float64.state)) {
        for (const [j, value] of expected.entries()) {
          const scale = (test.float64.stateScale[name]?.[j] as number) || 1e-30;
          expect(Math.abs((states[name]?.[j] as number) - value) / scale / UNIT, `${name}[${j}]`).to.be.below(
            16,
          );
        }
      }
    });
  }

  const sgd: Setup = { rule: "sgd", mode: "lazy", hyper: [0.1, 0, 0, 0], running: [0] };
  const adagrad: Setup = {
    rule: "adagrad",
    mode: "lazy",
    hyper: [0.1, 0, 0, 0, 0.02, 1e-10, 0, 0],
    running: [0],
  };
  const dense: [string, Setup, (p: ReturnType<typeof parameter>[]) => Optimizer][] = [
    ["SGD", sgd, (p) => new SGD(p, { lr: 0.1 })],
    ["AdaGrad", adagrad, (p) => new AdaGrad(p, { lr: 0.1, lrDecay: 0.02 })],
  ];
  for (const [name, setup, make] of dense) {
    for (const [vocabulary, dim, n] of [
      [50, 3, 200],
      [3, 130, 70],
      [1000, 64, 40],
    ] as const) {
      it(`are those of the dense ${name}, bit for bit: ${n} indices of [${vocabulary}, ${dim}]`, async () => {
        const initial = floats(1, vocabulary * dim);
        using harness = new Harness(device(), initial, [vocabulary, dim], setup);
        using value = device().from(initial, [vocabulary, dim]);
        using optimizer = make([parameter("w", value)]);
        using program = device().program({ rows: i32(n), values: f32(n, dim) }, ({ rows, values }) =>
          optimizer.minimize(sum(mul(embedding(value, rows), values))),
        );
        const next = random(9);
        for (let i = 0; i < 4; i++) {
          const rows = Array.from({ length: n }, () => Math.floor(vocabulary * next() ** 2));
          const values = floats(i, n * dim);
          await harness.step({ rows, values });
          await program.run({ rows: Int32Array.from(rows), values });
        }
        expect(await harness.read()).to.deep.equal(await value.read());
      });
    }
  }

  it("take several lookups of a table as one", async () => {
    const setup = adam("lazy", { lr: 0.1 });
    using one = new Harness(device(), floats(1, 40), [10, 4], setup);
    using two = new Harness(device(), floats(1, 40), [10, 4], setup);
    for (let i = 0; i < 3; i++) {
      const [rows, values] = [[1, 5, 1, 9, 5, 5], floats(i, 24)];
      await one.step({ rows, values });
      await two.step(
        { rows: rows.slice(0, 2), values: values.slice(0, 8) },
        { rows: rows.slice(2), values: values.slice(8) },
      );
    }
    expect(await one.read()).to.deep.equal(await two.read());
  });

  it("continue from their state bit for bit", async () => {
    for (const setup of [
      adagrad,
      { ...adagrad, mode: "rowWise" as const },
      adam("lazy", { lr: 0.1 }),
      adam("catchUp", { lr: 0.1, weightDecay: 0.1 }),
    ]) {
      const run = async (harness: Harness, from: number, to: number) => {
        for (let i = from; i < to; i++)
          await harness.step({ rows: [i % 7, (i * i) % 10, 3], values: floats(i, 12) });
      };
      using through = new Harness(device(), floats(1, 40), [10, 4], setup);
      await run(through, 0, 12);
      const states = await readStates(through.table);
      using resumed = new Harness(device(), await through.read(), [10, 4], {
        ...setup,
        running: setup.rule === "adam" ? powers(setup, 12) : [12],
      });
      writeStates(resumed.table, states);
      await run(through, 12, 20);
      await run(resumed, 12, 20);
      expect(await resumed.read(), setup.mode).to.deep.equal(await through.read());
      expect(await readStates(resumed.table)).to.deep.equal(await readStates(through.table));
    }
  });

  it("refuse misuse", async () => {
    using value = device().alloc("f32", [4, 3]);
    const p = parameter("w", value);
    await expectError("ADASTEP_ARGUMENT", /"rowWise" of adam/, () => new SparseTable(p, "adam", "rowWise"));
    await expectError("ADASTEP_ARGUMENT", /"catchUp" of sgd/, () => new SparseTable(p, "sgd", "catchUp"));
    using flat = device().alloc("f32", [4]);
    await expectError(
      "ADASTEP_SHAPE",
      /\[vocabulary, dim\]/,
      () => new SparseTable(parameter("w", flat), "sgd"),
    );
    using table = new SparseTable(p, "adagrad", "rowWise", { sum: 0.5 });
    expect(table.bytes).to.equal(16);
    expect([...((await readStates(table)).sum ?? [])]).to.deep.equal([0.5, 0.5, 0.5, 0.5]);
    const betas = [0.9, 0.999] as const;
    checkCatchUp("Adam", { betas, weightDecay: 0.1, decoupled: true });
    await expectError("ADASTEP_ARGUMENT", /Adam: 'sparse'.*weightDecay/, () =>
      checkCatchUp("Adam", { betas, weightDecay: 0.1, decoupled: false }),
    );
    await expectError("ADASTEP_ARGUMENT", /square root/, () =>
      checkCatchUp("Adam", { betas: [0.9, 0.5], weightDecay: 0, decoupled: true }),
    );
    using harness = new Harness(device(), floats(1, 12), [4, 3], sgd);
    await expectError("ADASTEP_DEVICE", /4/, () => harness.step({ rows: [1, 4], values: floats(1, 6) }));
    device().reset();
  });
});

/** The running values of Adam after `t` steps: products, as the device makes them. */
function powers({ hyper }: Setup, t: number): number[] {
  const [, , , , beta1, beta2] = hyper as [number, number, number, number, number, number];
  let [p1, p2] = [1, 1];
  for (let i = 0; i < t; i++) {
    p1 *= beta1;
    p2 *= beta2;
  }
  return [t, p1, p2];
}
