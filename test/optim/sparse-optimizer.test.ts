// One optimizer with dense parameters and a table whose gradient is a list of rows.

import { expect } from "chai";
import {
  AdaGrad,
  Adam,
  AdamW,
  type Device,
  Embedding,
  i32,
  Linear,
  type Optimizer,
  type Parameter,
  Sequential,
  SGD,
  sumOfSquares,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";

type Make = (parameters: readonly Parameter[]) => Optimizer;
const ROWS = [
  [0, 3, 3, 7],
  [3, 1, 8, 0],
  [7, 7, 7, 7],
  [2, 0, 5, 3],
  [4, 4, 1, 3],
];

function setUp(device: Device, sparse: boolean, make: Make, clip?: { norm: number }) {
  const model = new Sequential(new Embedding(9, 4, { sparse }), new Linear(4, 3)).to(device, { seed: 4 });
  const optimizer = make(model.parameters());
  const program = device.program({ rows: i32(4) }, ({ rows }) =>
    optimizer.minimize(sumOfSquares(model.forward(rows)), { ...(clip && { clip }) }),
  );
  const run = async (from: number, to: number): Promise<number[]> => {
    const norms: number[] = [];
    for (let i = from; i < to; i++)
      norms.push((await program.run({ rows: Int32Array.from(ROWS[i % 5] as number[]) })).gradNorm);
    return norms;
  };
  const dispose = (): void => {
    for (const owned of [program, optimizer, model]) owned.dispose();
  };
  return { model, optimizer, run, [Symbol.dispose]: dispose };
}

const MIXED: readonly [string, Make][] = [
  ["SGD", (p) => new SGD(p, { lr: 0.01, momentum: 0.9 })],
  ["AdaGrad", (p) => new AdaGrad(p, { lr: 0.1 })],
  ["row-wise AdaGrad", (p) => new AdaGrad(p, { lr: 0.1, sparse: "rowWise" })],
  ["lazy Adam", (p) => new Adam(p, { lr: 0.01 })],
  ["catch-up Adam", (p) => new Adam(p, { lr: 0.01, sparse: "catchUp" })],
];

onEachDevice("an optimizer with a sparse table", (device) => {
  for (const [name, make] of [
    ["SGD", (p) => new SGD(p, { lr: 0.01 })],
    ["AdaGrad", (p) => new AdaGrad(p, { lr: 0.1 })],
  ] as [string, Make][]) {
    it(`${name} takes the steps of the dense one, clipped by the norm of both`, async () => {
      using sparse = setUp(device(), true, make, { norm: 0.5 });
      using dense = setUp(device(), false, make, { norm: 0.5 });
      const [a, b] = [await sparse.run(0, 6), await dense.run(0, 6)];
      for (const [i, norm] of a.entries()) expect(norm).to.be.closeTo(b[i] as number, 1e-6 * norm);
      const [one, two] = [await sparse.model.state(), await dense.model.state()];
      for (const [key, { data }] of Object.entries(one))
        for (const [i, value] of data.entries())
          expect(value, key).to.be.closeTo(two[key]?.data[i] as number, 1e-6);
    });
  }

  for (const [name, make] of MIXED) {
    it(`${name} continues from state() bit for bit`, async () => {
      using through = setUp(device(), true, make);
      await through.run(0, 7);
      const [weights, state] = [await through.model.state(), await through.optimizer.state()];
      using resumed = setUp(device(), true, make);
      resumed.model.load(weights);
      resumed.optimizer.load(state);
      await Promise.all([through.run(7, 14), resumed.run(7, 14)]);
      expect(await resumed.model.state()).to.deep.equal(await through.model.state());
      expect((await resumed.optimizer.state()).parameters).to.deep.equal(
        (await through.optimizer.state()).parameters,
      );
      expect(through.optimizer.bytes.state).to.be.above(0);
    });
  }

  it("leaves rows alone that are not in use, but for catching up", async () => {
    for (const [mode, moves] of [
      ["lazy", false],
      ["catchUp", true],
    ] as const) {
      using one = setUp(device(), true, (p) => new Adam(p, { lr: 0.1, sparse: mode }));
      await one.run(0, 1);
      const before = (await one.model.state())["0.weight"]?.data.slice(0, 4);
      await one.run(2, 3); // row 7 alone
      one.optimizer.flush();
      const after = (await one.model.state())["0.weight"]?.data.slice(0, 4);
      expect([...(after ?? [])].join() !== [...(before ?? [])].join()).to.equal(moves);
    }
  });

  it("that has ended leaves another one to bring the table up to date", async () => {
    const catchUp: Make = (p) => new Adam(p, { lr: 0.01, sparse: "catchUp" });
    const after = async (other: Make | undefined): Promise<number[]> => {
      using one = setUp(device(), true, catchUp);
      await one.run(0, 2);
      other?.(one.model.parameters()).dispose();
      using program = device().program({ rows: i32(4) }, ({ rows }) => one.model.forward(rows));
      return [...(await program.run({ rows: Int32Array.of(7, 0, 2, 8) })).slice()];
    };
    const alone = await after(undefined);
    expect(await after((p) => new SGD(p))).to.deep.equal(alone);
    expect(await after((p) => new Adam(p))).to.deep.equal(alone);
  });

  it("refuses what a table cannot have", async () => {
    using model = new Embedding(9, 4, { sparse: true }).to(device());
    const p = model.parameters();
    await expectError("ADASTEP_ARGUMENT", /"catchUp" of sgd/, () => new SGD(p, { sparse: "catchUp" }));
    await expectError(
      "ADASTEP_ARGUMENT",
      /'sparse'.*"dense"/,
      () => new SGD(p, { sparse: "dense" as never }),
    );
    await expectError("ADASTEP_ARGUMENT", /SGD: 'average'.*"weight"/, () => new SGD(p, { average: 0.9 }));
    await expectError("ADASTEP_ARGUMENT", /SGD: 'copy'.*"weight"/, () => new SGD(p, { copy: "bf16" }));
    using caught = new AdamW(p, { sparse: "catchUp", lr: 0.5, weightDecay: 3 });
    await expectError(
      "ADASTEP_ARGUMENT",
      /Adam: 'sparse': got "catchUp" of "weight", which another/,
      () => new Adam(p, { sparse: "catchUp" }),
    );
    using program = device().program({ rows: i32(4) }, ({ rows }) =>
      caught.minimize(sumOfSquares(model.forward(rows))),
    );
    const batch = { rows: Int32Array.from(ROWS[0] as number[]) };
    await expectError(
      "ADASTEP_ARGUMENT",
      /AdamW: lr \* weightDecay of "weight": got 0.5 \* 3, accepted: 1/,
      () => program.run(batch),
    );
    using sgd = new SGD(p);
    await expectError("ADASTEP_ARGUMENT", /SGD.step.*"weight"/, () => sgd.step());
  });
});
