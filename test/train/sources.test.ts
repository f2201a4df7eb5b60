// Training on data that have to be waited for: the bits are those of the same data in memory.

import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import {
  Adam,
  type BatchOptions,
  crossEntropy,
  Dataset,
  Device,
  type ExampleSource,
  FileDataset,
  Linear,
  PrefetchedDataset,
  type RunOptions,
  StreamDataset,
  Trainer,
  type TrainerEvent,
  topK,
  writeNpy,
} from "../../lib/index.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";
import { floats } from "../support/numbers.js";
import { until } from "../support/until.js";

const SIZE = 50;
const x = floats(1, SIZE * 4);
const y = Int32Array.from({ length: SIZE }, (_, i) => i % 3);
const memory = new Dataset({ x: { data: x, shape: [4] }, y: { data: y, shape: [] } });
const RUN = { epochs: 3, batchSize: 8 };

/** Parameters after training, and the events of steps. */
async function train(
  data: ExampleSource,
  { accumulate = 1, ...options }: Partial<RunOptions> & { accumulate?: number } = {},
): Promise<{ weight: Float32Array; losses: number[]; reason: string }> {
  using device = await Device.open("cpu", { threads: 1 });
  using model = new Linear(4, 3).to(device, { seed: 2 });
  using optimizer = new Adam(model.parameters(), { lr: 0.05 });
  await using trainer = new Trainer({ device, model, optimizer, loss: crossEntropy, seed: 9, accumulate });
  const losses: number[] = [];
  let reason = "";
  for await (const event of trainer.run(data, { ...RUN, ...options })) {
    if (event.type === "step") losses.push(event.loss);
    if (event.type === "end") reason = event.reason;
  }
  return { weight: (await model.state()).weight?.data as Float32Array, losses, reason };
}

describe("Trainer on data that have to be waited for", function () {
  this.timeout(60_000);
  const file = temporaryFolder();

  async function files(): Promise<FileDataset> {
    await writeNpy(file("x.npy"), { dtype: "f4", shape: [SIZE, 4], data: x });
    await writeNpy(file("y.npy"), { dtype: "i4", shape: [SIZE], data: y });
    return FileDataset.open({ x: file("x.npy"), y: file("y.npy") });
  }
  const stream = (size?: number): StreamDataset<"x" | "y"> => {
    const open = (): Dataset<"x" | "y">[] => [memory.slice(0, 20), memory.slice(20)];
    return new StreamDataset({ columns: memory.columns, open, ...(size !== undefined && { size }) });
  };

  it("has the bits of data in memory: files shuffled, streams in their order, whatever is summed up", async () => {
    await using data = await files();
    for (const accumulate of [1, 3]) {
      const expected = await train(memory, { accumulate });
      expect(expected.losses.length).to.equal(3 * Math.ceil(SIZE / (8 * accumulate)));
      expect(await train(data, { accumulate })).to.deep.equal(expected);
      const inOrder = { accumulate, shuffle: false };
      expect(await train(stream(SIZE), inOrder)).to.deep.equal(await train(memory, inOrder));
    }
  });

  it("trains on batches of another thread", async () => {
    const loader = new URL("../data/loaders/loader.mjs", import.meta.url);
    await using data = await PrefetchedDataset.open(loader, { data: { kind: "memory", size: 40 } });
    const numbered = new Dataset({
      x: {
        data: Float32Array.from({ length: 80 }, (_, i) => (i % 2 === 0 ? i / 2 : -(i - 1) / 2)),
        shape: [2],
      },
      y: { data: Uint8Array.from({ length: 40 }, (_, i) => i), shape: [] },
    });
    using device = await Device.open("cpu", { threads: 1 });
    const weights: unknown[] = [];
    for (const own of [numbered, data]) {
      using model = new Linear(2, 40).to(device, { seed: 2 });
      using optimizer = new Adam(model.parameters());
      await using trainer = new Trainer({ device, model, optimizer, loss: crossEntropy });
      await trainer.fit(own, RUN);
      weights.push((await model.state()).weight?.data);
    }
    expect(weights[1]).to.deep.equal(weights[0]);
  });

  it("has the bits of data in memory with lent batches: several a step, and metrics that look back at targets", async () => {
    const loader = new URL("../data/loaders/loader.mjs", import.meta.url);
    await using lent = await PrefetchedDataset.open(loader, {
      data: { kind: "memory", size: 203 },
      ahead: 1,
    });
    const kept = new Dataset({
      x: { data: Float32Array.from({ length: 406 }, (_, i) => (i % 2 ? -(i - 1) / 2 : i / 2)), shape: [2] },
      y: { data: Uint8Array.from({ length: 203 }, (_, i) => i), shape: [] },
    });
    using device = await Device.open("cpu", { threads: 1 });
    const results: unknown[] = [];
    for (const data of [kept, lent]) {
      using model = new Linear(2, 203).to(device, { seed: 2 });
      using optimizer = new Adam(model.parameters());
      const metrics = { top: topK(3) };
      await using trainer = new Trainer({
        device,
        model,
        optimizer,
        loss: crossEntropy,
        accumulate: 3,
        metrics,
      });
      const { validation } = await trainer.fit(data, { epochs: 2, batchSize: 10, validation: data });
      const evaluation = await trainer.evaluate(data, { batchSize: 16 });
      results.push({ validation, evaluation, weight: (await model.state()).weight?.data });
    }
    expect(results[1]).to.deep.equal(results[0]);
  });

  it("evaluates them as data in memory", async () => {
    using device = await Device.open("cpu", { threads: 1 });
    using model = new Linear(4, 3).to(device, { seed: 2 });
    using optimizer = new Adam(model.parameters());
    await using trainer = new Trainer({ device, model, optimizer, loss: crossEntropy });
    await using data = await files();
    const expected = await trainer.evaluate(memory, { batchSize: 7 });
    expect(expected.examples).to.equal(SIZE);
    for (const source of [data, stream(SIZE)]) {
      expect(await trainer.evaluate(source, { batchSize: 7 })).to.deep.equal(expected);
    }
    for (const source of [data, stream(SIZE)]) {
      for (const fastDevRun of [false, true]) {
        const { validation } = await trainer.fit(source, {
          ...RUN,
          epochs: 1,
          validation: source,
          fastDevRun,
        });
        expect(validation?.examples).to.equal(SIZE);
      }
    }
    const other = (size: number) => () => trainer.evaluate(stream(size), { batchSize: 7 });
    await expectError(
      "ADASTEP_DATA",
      /trainer.evaluate: got 50 examples, accepted: 51, as the size/,
      other(51),
    );
    await expectError("ADASTEP_DATA", /trainer.evaluate: got more examples, accepted: 48/, other(48));
  });

  it("rehearses on the first batches alone", async () => {
    await using data = await files();
    const { losses, reason } = await train(data, { fastDevRun: true });
    expect([losses.length, reason]).to.deep.equal([2, "completed"]);
  });

  it("closes a stream that it leaves, also one that it waits for", async () => {
    let closed = 0;
    const slow = (wait: number): ExampleSource => ({
      size: SIZE,
      columns: memory.columns,
      batches: (options: BatchOptions) => ({
        count: undefined,
        async *[Symbol.asyncIterator]() {
          try {
            for (const batch of memory.batches(options)) {
              await sleep(wait);
              yield batch;
            }
          } finally {
            closed++;
          }
        },
      }),
    });
    const control = new AbortController();
    setTimeout(() => control.abort(), 300);
    const { reason, losses } = await train(slow(200), { signal: control.signal });
    expect(reason).to.equal("aborted");
    expect(losses.length).to.be.below(7);
    expect(closed).to.equal(1);
    await train(slow(0));
    expect(closed).to.equal(4);
  });

  it("ends at once while it waits for data, by a signal or its end, in training and in evaluation", async () => {
    /** A stream that gives some examples, then nothing more. */
    const waiting = (size: number) => {
      const source = new PassThrough({ objectMode: true });
      source.write(memory.slice(0, 20));
      const options = { columns: memory.columns, open: () => source, size };
      return { source, data: new StreamDataset<"x" | "y">(options) };
    };
    const loader = new URL("../data/loaders/loader.mjs", import.meta.url);
    await using thread = await PrefetchedDataset.open<"x" | "y">(loader, {
      data: { kind: "waiting", size: 20, of: SIZE },
    });
    /** Milliseconds from the signal or dispose() to the end of the run. */
    const ending = async (way: "signal" | "dispose", place: "train" | "validation" | "thread") => {
      const what = `${place}, ${way}`;
      using device = await Device.open("cpu", { threads: 1 });
      using model = new Linear(4, 3).to(device, { seed: 2 });
      using optimizer = new Adam(model.parameters());
      await using trainer = new Trainer({ device, model, optimizer, loss: crossEntropy, accumulate: 2 });
      const { source, data } = waiting(SIZE);
      const control = new AbortController();
      const validation = place === "validation" && { validation: data };
      const events = trainer.run(place === "train" ? data : place === "thread" ? thread : memory, {
        ...{ ...RUN, shuffle: false, signal: control.signal },
        ...validation,
      });
      const told = (async () => {
        const all: TrainerEvent[] = [];
        for await (const event of events) all.push(event);
        return all;
      })();
      const steps = place === "validation" ? 4 : 1;
      await until(`${what}: ${steps} steps`, () => optimizer.stepCount === steps);
      await sleep(50); // it goes on to where there are no more data
      const began = performance.now();
      if (way === "signal") control.abort();
      else await trainer.dispose();
      const all = await told;
      const took = performance.now() - began;
      expect(all.at(-1), what).to.deep.include({ type: "end", reason: "aborted" });
      expect(optimizer.stepCount, what).to.equal(steps);
      if (place !== "thread") expect(source.destroyed, what).to.equal(true);
      return took;
    };
    for (const way of ["signal", "dispose"] as const) {
      for (const place of ["train", "validation", "thread"] as const) {
        // Data have a second to close themselves, which these need not. Another program may delay one of them, but not all.
        const took = [await ending(way, place), await ending(way, place), await ending(way, place)];
        expect(Math.min(...took), `${place}, ${way}: ${took}`).to.be.below(900);
      }
    }
  });

  it("throws what the data throw, and refuses data that are not what they tell", async () => {
    const failing = new Error("the disk is gone");
    const open = function* (): Generator<Dataset<"x" | "y">> {
      yield memory.slice(0, 20);
      throw failing;
    };
    const broken = new StreamDataset({ columns: memory.columns, open, size: SIZE });
    expect(await train(broken).catch((error: unknown) => error)).to.equal(failing);
    const short = new StreamDataset({
      columns: memory.columns,
      open: () => [memory.slice(0, 48)],
      size: SIZE,
    });
    await expectError("ADASTEP_DATA", /'train': got the end, accepted: 2 examples/, () => train(short));
    await expectError("ADASTEP_DATA", /got a batch of 2 examples, accepted: 4 examples/, () =>
      train(stream(SIZE + 2)),
    );
    await expectError("ADASTEP_ARGUMENT", /unknown size, accepted: .*option 'size'/, () => train(stream()));
    await expectError("ADASTEP_ARGUMENT", /'train', size: got 0/, () => train(stream(0)));
    await expectError("ADASTEP_ARGUMENT", /'train': got 3, accepted: a Dataset/, () =>
      train(3 as unknown as Dataset),
    );
    await expectError("ADASTEP_ARGUMENT", /'size': got -1/, () => stream(-1));
  });
});
