// A training of the comparison against the closed form of its optimum, and trials that are kept.

import { appendFile, readFile, writeFile } from "node:fs/promises";
import { expect } from "chai";
import { KeptTrials } from "../../lib/compare/kept-trials.js";
import { OPTIMIZERS } from "../../lib/compare/optimizers.js";
import type { Task } from "../../lib/compare/tasks.js";
import { runTrial } from "../../lib/compare/trial.js";
import { Dataset, Device, Linear, meanSquaredError } from "../../lib/index.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";

const UNIT = 3;
const noise = (i: number): number => Math.sin(12.9898 * i);

/** Points about a line: x from -1 to 1, y = 2 x - 0.5 and something of 0.1. */
function line(count: number, from: number): Dataset<"x" | "y"> {
  const x = Float32Array.from({ length: count }, (_, i) => (2 * i) / (count - 1) - 1);
  const y = x.map((v, i) => 2 * v - 0.5 + 0.1 * noise(from + i));
  return new Dataset({ x: { data: x, shape: [1] }, y: { data: y, shape: [1] } });
}

const TASK: Task = {
  ...{ name: "auto-mpg", about: "", model: "", sparse: false, batchSize: 64, epochs: 200, every: 10 },
  metric: { name: "error", score: "loss", target: 1, tolerance: 0.1 },
  ...{ fit: line(64, 0), validation: line(20, 100), test: line(30, 200) },
  ...{ makeModel: () => new Linear(1, 1), loss: meanSquaredError, inputScale: 1 },
  metricOf: (loss) => UNIT * Math.sqrt(loss),
};

/** Root mean square error of the least-squares line through one set on another, in double. */
function leastSquaresError(fit: Dataset<"x" | "y">, other: Dataset<"x" | "y">): number {
  const points = (set: Dataset<"x" | "y">) =>
    [...set.columns.x.data].map((x, i) => [x, set.columns.y.data[i] as number] as const);
  const own = points(fit);
  const mean = (of: (point: readonly [number, number]) => number): number =>
    own.reduce((sum, point) => sum + of(point), 0) / own.length;
  const [mx, my] = [mean(([x]) => x), mean(([, y]) => y)];
  const slope = mean(([x, y]) => (x - mx) * (y - my)) / mean(([x]) => (x - mx) ** 2);
  const errors = points(other).map(([x, y]) => (y - my - slope * (x - mx)) ** 2);
  return Math.sqrt(errors.reduce((sum, error) => sum + error, 0) / errors.length);
}

describe("Trials of a comparison", () => {
  const file = temporaryFolder();
  let device: Device;
  before(async () => {
    device = await Device.open("cpu", { threads: 1 });
  });
  after(() => device.dispose());

  const run = (lr: number, seed = 1) => {
    const { make } = OPTIMIZERS.sgd;
    const trial = {
      optimizer: "sgd" as const,
      lr,
      seed,
      make: (p: Parameters<typeof make>[0]) => make(p, lr),
    };
    return runTrial(device, TASK, { ...trial, signal: undefined });
  };

  it("ends at the least-squares line, in the unit of the task", async () => {
    const { curve, validation, test } = await run(0.3);
    expect(curve.map(({ step }) => step)).to.eql(Array.from({ length: 20 }, (_, i) => 10 * (i + 1)));
    expect(validation).to.equal(curve.at(-1)?.value);
    // Full batches: after 200 steps the distance to the optimum has shrunk by (1 - 0.6 * 0.34) ** 200; what is left is f32.
    expect(validation).to.be.closeTo(UNIT * leastSquaresError(TASK.fit, TASK.validation), 1e-5);
    expect(test).to.be.closeTo(UNIT * leastSquaresError(TASK.fit, TASK.test), 1e-5);
  });

  it("gives the same figures for the same seed, and others for another", async () => {
    const plain = async (seed: number) => ({ ...(await run(0.01, seed)), seconds: 0 });
    const first = await plain(1);
    expect(await plain(1)).to.eql(first);
    expect((await plain(2)).curve).to.not.eql(first.curve);
  });

  it("a trial that diverges ends early, without figures", async () => {
    const { curve, validation, test } = await run(1e6);
    expect(curve.length).to.be.below(20);
    expect(validation).to.be.NaN;
    expect(test).to.be.NaN;
  });

  it("are kept in a file and found again, those that diverged too", async () => {
    const path = file("trials.jsonl");
    const kept = await KeptTrials.open(path);
    const [good, bad] = [await run(0.1), await run(1e6)];
    expect(kept.find(TASK, good)).to.equal(undefined);
    await kept.add(TASK, good);
    await kept.add(TASK, bad);
    const again = await KeptTrials.open(path);
    expect(again.find(TASK, good)).to.eql(good);
    expect(again.find(TASK, bad)).to.eql(bad);
    expect(again.find({ ...TASK, epochs: 201 }, good), "another training").to.equal(undefined);
    expect(again.find(TASK, { ...good, seed: 2 })).to.equal(undefined);
  });

  it("a line that was not written to its end is cut off; a damaged one is an error that names it", async () => {
    const path = file("trials.jsonl");
    const good = await run(0.1);
    await (await KeptTrials.open(path)).add(TASK, good);
    const whole = await readFile(path, "utf8");
    await appendFile(path, whole.slice(0, 40));
    const cut = await KeptTrials.open(path);
    expect(cut.find(TASK, good)).to.eql(good);
    await cut.add(TASK, { ...good, seed: 7 });
    const again = await KeptTrials.open(path);
    for (const seed of [1, 7]) expect(again.find(TASK, { ...good, seed })).to.eql({ ...good, seed });
    await writeFile(path, `${whole}{"key":{}}\n`);
    await expectError("ADASTEP_DATA", /trials\.jsonl, line 2: /, () => KeptTrials.open(path));
    await expectError("ADASTEP_DATA", /EISDIR/, () => KeptTrials.open(file(".")));
  });
});
