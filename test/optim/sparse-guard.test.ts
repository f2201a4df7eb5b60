// Tables whose gradient is a list of rows under the guard, in the learning-rate finder, and in a training that is resumed.

import { expect } from "chai";
import {
  AdaGrad,
  Adam,
  AdamW,
  crossEntropy,
  Dataset,
  type Device,
  Embedding,
  f32,
  findLearningRate,
  i32,
  Linear,
  loadModel,
  loadOptimizer,
  mul,
  type Optimizer,
  type Parameter,
  ScheduleFreeAdamW,
  Sequential,
  SGD,
  type StepOptions,
  saveModel,
  saveOptimizer,
  sum,
  sumOfSquares,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { temporaryFolder } from "../support/folder.js";
import { floats } from "../support/numbers.js";

type Make = (parameters: readonly Parameter[]) => Optimizer;

const MAKERS: readonly [string, Make][] = [
  ["SGD", (p) => new SGD(p, { lr: 0.01, momentum: 0.9 })],
  ["AdaGrad", (p) => new AdaGrad(p, { lr: 0.1 })],
  ["row-wise AdaGrad", (p) => new AdaGrad(p, { lr: 0.1, sparse: "rowWise" })],
  ["lazy Adam", (p) => new Adam(p, { lr: 0.01 })],
  ["catch-up AdamW", (p) => new AdamW(p, { lr: 0.01, sparse: "catchUp" })],
  ["schedule-free", (p) => new ScheduleFreeAdamW(p, { lr: 0.01 })],
];

const [VOCABULARY, DIM, ROWS] = [9, 5, 4];
const rowsOf = (step: number): Int32Array =>
  Int32Array.from(floats(step + 1, ROWS, 0, VOCABULARY), Math.floor);

/** A table and a dense layer; a step looks up the rows of its number, and its loss may be made NaN. */
function start(device: Device, make: Make, options: StepOptions = {}) {
  const model = new Sequential(new Embedding(VOCABULARY, DIM, { sparse: true }), new Linear(DIM, 3));
  model.to(device, { seed: 4 });
  const optimizer = make(model.parameters());
  const program = device.program({ rows: i32(ROWS), scale: f32(1) }, ({ rows, scale }) =>
    optimizer.minimize(sum(mul(sumOfSquares(model.forward(rows)), scale)), options),
  );
  const step = async (number: number, scale = 1): Promise<number> => {
    const result = await program.run({ rows: rowsOf(number), scale: Float32Array.of(scale) });
    return result.gradNorm;
  };
  const look = async (): Promise<unknown> => {
    const { parameters, running } = await optimizer.state();
    return { model: await model.state(), parameters, running };
  };
  const dispose = (): void => {
    for (const owned of [program, optimizer, model]) owned.dispose();
  };
  return { model, optimizer, step, look, [Symbol.dispose]: dispose };
}

onEachDevice("the guard over tables", (device) => {
  for (const [name, make] of MAKERS) {
    it(`${name}: a step that is not finite leaves table, states and step count as they are`, async () => {
      using run = start(device(), make, { guard: {} });
      for (let i = 0; i < 4; i++) await run.step(i);
      run.optimizer.flush(); // a lookup catches up on rows, whatever becomes of its step
      const before = await run.look();
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(await run.step(7, bad)).to.satisfy((norm: number) => !Number.isFinite(norm));
        expect(await run.look()).to.deep.equal(before);
      }
      const events = await run.optimizer.events();
      expect(events.map(({ action }) => action)).to.deep.equal(["skip", "skip"]);
      await run.step(8);
      expect(await run.look()).not.to.deep.equal(before);
    });

    it(`${name}: rolls back table and states to the snapshot before, and to the one before that`, async () => {
      const guard = { nan: "rollback", snapshots: 2, snapshotEvery: 1 } as const;
      using run = start(device(), make, { guard });
      for (let i = 0; i < 7; i++) await run.step(i); // snapshots before steps 0, 2, 4 and 6: the ring has two
      for (const saved of [6, 4, 4]) {
        await run.step(99, Number.NaN);
        // As a run that was stopped there, after its lookups: its step is skipped.
        using other = start(device(), make, { guard: {} });
        for (let i = 0; i < saved; i++) await other.step(i);
        await other.step(saved, Number.NaN);
        expect(await run.look(), `before step ${saved}`).to.deep.equal(await other.look());
      }
      expect(run.optimizer.bytes.snapshots).to.be.above(2 * 4 * VOCABULARY * DIM);
    });

    it(`${name}: rolls back to snapshots that were saved and taken over`, async () => {
      const guard = { nan: "rollback", snapshots: 2, snapshotEvery: 1 } as const;
      using run = start(device(), make, { guard });
      for (let i = 0; i < 5; i++) await run.step(i);
      const [weights, state] = [await run.model.state(), await run.optimizer.state()];
      const snapshots = await run.optimizer.snapshots.read(2);
      using resumed = start(device(), make, { guard });
      resumed.model.load(weights);
      resumed.optimizer.load(state);
      resumed.optimizer.snapshots.write(2, snapshots as NonNullable<typeof snapshots>);
      for (const of of [run, resumed]) await of.step(99, Number.NaN);
      expect(await resumed.look()).to.deep.equal(await run.look());
      expect((await resumed.optimizer.events())[0]).to.include({ action: "rollback" });
    });

    it(`${name}: tries steps and takes them back`, async () => {
      using run = start(device(), make);
      using other = start(device(), make);
      for (let i = 0; i < 3; i++) await Promise.all([run.step(i), other.step(i)]);
      const before = await run.look();
      using kept = run.optimizer.keep();
      for (let i = 3; i < 6; i++) await run.step(i);
      expect(await run.look()).not.to.deep.equal(before);
      kept.restore();
      expect(await run.look()).to.deep.equal(before);
      for (let i = 6; i < 9; i++) await Promise.all([run.step(i), other.step(i)]);
      expect(await run.look()).to.deep.equal(await other.look());
    });
  }

  for (const [name, make] of MAKERS) {
    it(`${name}: watches the rows in use`, async () => {
      using run = start(device(), make, { watch: 2, lossScale: { initial: 8 } });
      for (const i of [0, 1, 2]) await run.step(i);
      run.optimizer.flush();
      const [{ value: table }] = run.model.parameters() as [Parameter];
      const read = async () => (await table.read()) as Float32Array;
      const before = await read();
      const norm = await run.step(3);
      const after = await read();
      const used = [...new Set(rowsOf(3))].flatMap((row) =>
        Array.from({ length: DIM }, (_, j) => row * DIM + j),
      );
      const of = (f: (i: number) => number): number => Math.sqrt(used.reduce((sum, i) => sum + f(i) ** 2, 0));
      const figures = await run.optimizer.telemetry();
      const watched = figures.at(-1);
      expect(watched).to.include({ name: "0.weight", size: VOCABULARY * DIM, nonFinite: 0 });
      expect(watched).to.include({ agreement: undefined, staleness: undefined });
      // Sums of 20 squares in f32.
      const near = (got: number | undefined, want: number): void => {
        expect(got).to.be.closeTo(want, 1e-5 * want);
      };
      const all = Math.hypot(...figures.map(({ gradNorm }) => gradNorm));
      near(all, norm);
      expect(watched?.gradNorm).to.be.above(0);
      near(
        watched?.paramNorm,
        of((i) => before[i] as number),
      );
      const delta = (i: number): number => (after[i] as number) - (before[i] as number);
      near(watched?.updateNorm, of(delta));
      near(watched?.largestUpdate, Math.max(...used.map((i) => Math.abs(delta(i)))));
      await run.step(4); // does not watch
      expect((await run.optimizer.telemetry()).at(-1)).to.deep.equal(watched);
      await run.step(5, Number.NaN);
      const [skipped, count] = [(await run.optimizer.telemetry()).at(-1), new Set(rowsOf(5)).size];
      expect(skipped).to.include({ nonFinite: count * DIM, updateNorm: 0, largestUpdate: 0 });
    });
  }

  it("has nothing of the learning-rate finder afterwards", async () => {
    const size = 64;
    const x = Int32Array.from(floats(1, size, 0, VOCABULARY), Math.floor);
    const y = x.map((v) => v % 3);
    const train = new Dataset({ x: { data: x, shape: [] }, y: { data: y, shape: [] } });
    using run = start(device(), (p) => new AdamW(p, { lr: 0.01, sparse: "catchUp" }));
    for (let i = 0; i < 3; i++) await run.step(i);
    const before = await run.look();
    const { model, optimizer } = run;
    const parts = { device: device(), model, optimizer, loss: crossEntropy };
    const { suggestion } = await findLearningRate({ ...parts, train, batchSize: 8, steps: 40 });
    expect(suggestion).to.be.above(0);
    expect(await run.look()).to.deep.equal(before);
  });
});

onEachDevice("a training with a table that is resumed from files", (device) => {
  const path = temporaryFolder();
  for (const [name, make] of MAKERS) {
    it(`${name}: goes on with the same bits after flush()`, async () => {
      const options = { guard: { spike: "rollback" }, clip: { norm: 1 } } as const;
      using through = start(device(), make, options);
      for (let i = 0; i < 7; i++) await through.step(i);
      through.optimizer.flush();
      await saveModel(through.model, path("model.safetensors"));
      await saveOptimizer(through.optimizer, path("optimizer.safetensors"));

      using resumed = start(device(), make, options);
      await loadModel(resumed.model, path("model.safetensors"));
      await loadOptimizer(resumed.optimizer, path("optimizer.safetensors"));
      expect(await resumed.look()).to.deep.equal(await through.look());
      for (let i = 7; i < 14; i++) {
        const [one, two] = await Promise.all([through.step(i), resumed.step(i)]);
        expect(two).to.equal(one);
      }
      for (const { optimizer } of [through, resumed]) optimizer.flush();
      expect(await resumed.look()).to.deep.equal(await through.look());
    });
  }
});
