// Where evaluations add up: in device memory, read once, of one evaluation at a time.

import { expect } from "chai";
import {
  cast,
  collect,
  confusionMatrix,
  crossEntropy,
  Dataset,
  type Device,
  DeviceBuffer,
  equal,
  Linear,
  type Metric,
  perplexity,
  reshape,
  rocAuc,
  Sequential,
  SGD,
  Trainer,
  topK,
  total,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { floats } from "../support/numbers.js";
import { figureOf, labelsOf, SIZE } from "./metrics-support.js";

/** Bytes of live buffers, once what was disposed is free. */
async function settledBytes(device: Device): Promise<number> {
  await device.sync();
  return device.memory().live;
}

/** Evaluates a model of two classes twice. */
async function evaluateTwice(
  device: Device,
  metrics: Readonly<Record<string, Metric<unknown>>>,
): Promise<void> {
  using model = new Sequential(new Linear(3, 2)).to(device, { seed: 2 });
  using optimizer = new SGD(model.parameters());
  await using trainer = new Trainer({ device, model, optimizer, loss: crossEntropy, metrics });
  const y = { data: labelsOf(2), shape: [] };
  const data = new Dataset({ x: { data: floats(5, SIZE * 3, -3, 3), shape: [3] }, y });
  const first = await trainer.evaluate(data, { batchSize: 7 });
  expect(await trainer.evaluate(data, { batchSize: 7 })).to.deep.equal(first);
}

onEachDevice("Evaluations", (device) => {
  it("have figures of one's own: totals by group, and what is no sum from all rows", async () => {
    const errors: Metric<number[]> = {
      record: ({ output, target }) => ({
        sums: total(reshape(output, target.shape), {
          minus: target,
          of: "absolute",
          by: cast(target, "i32"),
          groups: 3,
        }),
        counts: total(equal(target, target), { by: cast(target, "i32"), groups: 3 }),
      }),
      value: ({ sums, counts }) => Array.from(sums ?? [], (sum, i) => sum / (counts?.[i] ?? Number.NaN)),
    };
    const median: Metric<number> = {
      record: ({ output }) => ({ scores: collect(output) }),
      value: ({ scores }) => [...(scores ?? [])].sort((a, b) => a - b)[2] ?? Number.NaN,
    };
    const [scores, targets] = [[0.5, 1.25, 3, 2.5, 7], Float32Array.of(0, 1, 2, 2, 9)];
    expect(await figureOf(device(), errors, 1, scores, targets)).to.deep.equal([0.5, 0.25, 0.75]);
    expect(await figureOf(device(), median, 1, scores, targets)).to.equal(2.5);
  });

  it("cross to the host once, however many batches there are, and end with the trainer", async () => {
    const before = await settledBytes(device());
    const read = DeviceBuffer.prototype.read;
    let reads = 0;
    DeviceBuffer.prototype.read = function counted(this: DeviceBuffer) {
      reads += 1;
      return read.call(this);
    } as typeof read;
    try {
      const sums = { top1: topK(1), confusion: confusionMatrix(2), perplexity: perplexity() };
      await evaluateTwice(device(), sums);
      expect(reads, "of two evaluations").to.equal(2);
      await evaluateTwice(device(), { auc: rocAuc() });
      expect(reads, "with scores and labels of each").to.equal(2 + 2 * 3);
    } finally {
      DeviceBuffer.prototype.read = read;
    }
    expect(await settledBytes(device())).to.equal(before);
  });

  it("at the same time, of data of two types, do not mix", async () => {
    using model = new Sequential(new Linear(3, 4)).to(device(), { seed: 2 });
    using optimizer = new SGD(model.parameters());
    const metrics = { top2: topK(2), confusion: confusionMatrix(4) };
    await using trainer = new Trainer({ device: device(), model, optimizer, loss: crossEntropy, metrics });
    const sets = [1, 2].map(
      (seed) =>
        new Dataset({
          x: { data: floats(seed, SIZE * 3, -3, 3), shape: [3] },
          y:
            seed === 1
              ? { data: labelsOf(4, 9), shape: [] }
              : { data: Uint8Array.from(labelsOf(4)), shape: [] },
        }),
    );
    const alone = [];
    for (const set of sets) alone.push(await trainer.evaluate(set, { batchSize: 9 }));
    const together = await Promise.all(
      [...sets, ...sets].map((set) => trainer.evaluate(set, { batchSize: 9 })),
    );
    expect(together).to.deep.equal([...alone, ...alone]);
    expect(alone[0]).not.to.deep.equal(alone[1]);
  });
});
