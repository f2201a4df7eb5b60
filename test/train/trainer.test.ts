// The training loop: events, figures, ways to leave it, memory, reproducibility.

import { expect } from "chai";
import { AdastepError, Device, type StepEvent, type TrainerEvent, warmup } from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { clouds, makeTrainer, parametersOf } from "./support.js";

async function collect(events: AsyncIterable<TrainerEvent>): Promise<TrainerEvent[]> {
  const all: TrainerEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const steps = (events: TrainerEvent[]): StepEvent[] => events.filter((event) => event.type === "step");
const kinds = (events: TrainerEvent[]): string => events.map((event) => event.type).join(" ");

onEachDevice("Trainer: events", (device) => {
  const train = clouds(10);
  const validation = clouds(7, 2);

  it("come in order: steps, epoch, evaluation, end", async () => {
    await using trainer = makeTrainer(device()).trainer;
    const events = await collect(trainer.run(train, { epochs: 2, batchSize: 4, validation }));
    expect(kinds(events)).to.equal("step step step epoch eval step step step epoch eval end");
    expect(steps(events).map(({ step, epoch }) => [step, epoch])).to.eql([
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 2],
      [5, 2],
      [6, 2],
    ]);
    expect(events.at(-1)).to.eql({ type: "end", reason: "completed", step: 6, epoch: 2 });
    for (const { loss, gradNorm, lr, examplesPerSecond } of steps(events)) {
      expect(loss).to.be.within(0, 5);
      expect(gradNorm).to.be.above(0);
      expect(lr).to.equal(1e-2);
      expect(examplesPerSecond).to.be.above(0);
    }
  });

  it("weigh unequal batches by their size, in the epoch and between step events", async () => {
    await using each = makeTrainer(device()).trainer;
    const single = await collect(each.run(train, { epochs: 1, batchSize: 4 }));
    const losses = steps(single).map(({ loss }) => loss) as [number, number, number];
    const mean = (4 * losses[0] + 4 * losses[1] + 2 * losses[2]) / 10;
    const epoch = single.find((event) => event.type === "epoch");
    expect(epoch?.loss).to.be.closeTo(mean, 1e-12);
    expect(epoch?.examples).to.equal(10);

    await using third = makeTrainer(device()).trainer;
    const rare = await collect(third.run(train, { epochs: 1, batchSize: 4, logEvery: 3 }));
    expect(kinds(rare)).to.equal("step epoch end");
    expect(steps(rare)[0]?.loss).to.be.closeTo(mean, 1e-12);
  });

  it("evaluate every so many steps, of the model after exactly those, and at the end", async () => {
    await using trainer = makeTrainer(device()).trainer;
    const options = { epochs: 2, batchSize: 4, validation, evaluateEvery: 4, logEvery: 100 };
    const events = await collect(trainer.run(train, options));
    expect(kinds(events)).to.equal("epoch eval epoch eval end");

    // The same four steps, and then an evaluation by hand.
    await using other = makeTrainer(device()).trainer;
    let taken = 0;
    for await (const event of other.run(train, { epochs: 2, batchSize: 4, validation, evaluateEvery: 1 })) {
      if (event.type === "eval" && ++taken === 4) {
        const { type: _, step, epoch, ...figures } = event;
        expect(step).to.equal(4);
        expect(epoch).to.equal(2);
        expect(figures).to.eql(await other.evaluate(validation));
        expect(events[1]).to.eql(event);
        break;
      }
    }
  });

  it("follow the schedule and the clip", async () => {
    await using trainer = makeTrainer(device(), { schedule: warmup(4), clip: { norm: 1e-3 } }).trainer;
    const events = steps(await collect(trainer.run(train, { epochs: 2, batchSize: 4 })));
    expect(events.map(({ lr }) => lr)).to.eql([0.25, 0.5, 0.75, 1, 1, 1].map((factor) => 1e-2 * factor));
    expect(events[0]?.gradNorm, "the norm before clipping").to.be.above(1e-3);
  });

  it("of further runs count on, and see the data in another order", async () => {
    await using trainer = makeTrainer(device()).trainer;
    await trainer.fit(train, { epochs: 1, batchSize: 4 });
    const second = await collect(trainer.run(train, { epochs: 1, batchSize: 4 }));
    expect(second.at(-1)).to.include({ step: 6, epoch: 2 });
  });
});

onEachDevice("Trainer: figures", (device) => {
  it("fit learns, and gives what it ended with", async () => {
    const { trainer } = makeTrainer(device());
    await using _ = trainer;
    const validation = clouds(100, 3);
    const before = await trainer.evaluate(validation);
    const result = await trainer.fit(clouds(200), { epochs: 20, batchSize: 32, validation });
    expect(result).to.include({ reason: "completed", step: 140, epoch: 20 });
    expect(result.validation).to.eql(await trainer.evaluate(validation));
    expect(result.validation?.loss).to.be.below(before.loss * 0.7);
    expect(result.validation?.accuracy).to.be.above(0.85);
    expect(result.loss).to.be.below(before.loss);
  });

  it("evaluation does not depend on the batch size, and agrees with predictions", async () => {
    await using trainer = makeTrainer(device()).trainer;
    const data = clouds(101, 4);
    const whole = await trainer.evaluate(data, { batchSize: 101 });
    const parts = await trainer.evaluate(data, { batchSize: 7 });
    expect(parts.loss).to.be.closeTo(whole.loss, 1e-6);
    expect(parts.accuracy).to.equal(whole.accuracy);
    expect(whole.examples).to.equal(101);

    const { data: logits, shape } = await trainer.predict(data.columns.x, { batchSize: 13 });
    expect(shape).to.eql([2]);
    let [correct, loss] = [0, 0];
    data.columns.y.data.forEach((label, i) => {
      const row = [...logits.subarray(2 * i, 2 * i + 2)];
      if (row.indexOf(Math.max(...row)) === label) correct += 1;
      loss += Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0)) - (row[label] ?? Number.NaN);
    });
    expect(whole.accuracy).to.equal(correct / 101);
    expect(whole.loss).to.be.closeTo(loss / 101, 1e-5);
  });

  it("scales u8 inputs on the device: the same model as f32 inputs scaled before", async () => {
    const bytes = Uint8Array.from({ length: 40 }, (_, i) => (i * 53) % 256);
    await using scaling = makeTrainer(device(), { inputScale: 1 / 256 }).trainer;
    await using plain = makeTrainer(device()).trainer;
    const scaled = await scaling.predict({ data: bytes, shape: [4] });
    const given = await plain.predict({ data: Float32Array.from(bytes, (v) => v / 256), shape: [4] });
    expect(scaled).to.eql(given);
  });
});

onEachDevice("Trainer: seeds", (device) => {
  const train = clouds(50);

  /** The parameters after a training, and all losses on the way. */
  async function outcome(on: Device, seed: number): Promise<number[]> {
    const { trainer, model } = makeTrainer(on, { seed });
    await using _ = trainer;
    const events = steps(await collect(trainer.run(train, { epochs: 3, batchSize: 8 })));
    return [...events.map(({ loss }) => loss), ...(await parametersOf(model))];
  }

  it("reproduce a training bit for bit, dropout included", async () => {
    expect(await outcome(device(), 1)).to.eql(await outcome(device(), 1));
  });

  it("differ between seeds", async () => {
    expect(await outcome(device(), 1)).not.to.eql(await outcome(device(), 2));
  });

  it("two runs of an epoch are one run of two: breaks for evaluation change nothing", async () => {
    const whole = makeTrainer(device());
    await whole.trainer.fit(train, { epochs: 2, batchSize: 8 });
    const parts = makeTrainer(device());
    await parts.trainer.fit(train, { epochs: 1, batchSize: 8 });
    await parts.trainer.evaluate(train);
    await parts.trainer.fit(train, { epochs: 1, batchSize: 8, validation: clouds(5), evaluateEvery: 1 });
    expect(await parametersOf(parts.model)).to.eql(await parametersOf(whole.model));
  });
});

describe("Trainer: numbers of the CPU", () => {
  it("are the same bits on every level with fused multiply-add and any number of threads", async () => {
    const train = clouds(200);
    const results: [where: string, numbers: number[]][] = [];
    for (const level of ["v3", "v4", "neon"]) {
      for (const threads of [1, 2, 5]) {
        let device: Device;
        try {
          device = await Device.open("cpu", { level, threads });
        } catch (error) {
          expect(error).to.be.instanceOf(AdastepError); // a level that this machine does not have
          continue;
        }
        const { trainer, model } = makeTrainer(device);
        await trainer.fit(train, { epochs: 2, batchSize: 32 });
        results.push([`${level}, ${threads} threads`, await parametersOf(model)]);
        await trainer.dispose();
        device.dispose();
      }
    }
    const [first, ...others] = results;
    expect(others).not.to.be.empty;
    for (const [where, numbers] of others) expect(numbers, where).to.eql(first?.[1]);
  });
});
