// Ending a run when it no longer improves, holding it, evaluating the running mean, and the quick checks before a run.

import { expect } from "chai";
import {
  AdamW,
  BatchNorm,
  crossEntropy,
  type Device,
  Dropout,
  type EvalEvent,
  Linear,
  overfitBatch,
  plateau,
  relu,
  ScheduleFreeAdamW,
  Sequential,
  SGD,
  Trainer,
  type TrainerEvent,
} from "../../lib/index.js";
import type { RunOptions } from "../../lib/train/options.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { clouds, makeTrainer, parametersOf } from "./support.js";

const TRAIN = clouds(40);
const VALIDATION = clouds(30, 2);

async function collect(events: AsyncIterable<TrainerEvent>): Promise<TrainerEvent[]> {
  const all: TrainerEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const evaluations = (events: TrainerEvent[]): EvalEvent[] => events.filter((event) => event.type === "eval");

/** A training that soon learns its few examples by heart. */
function overfitting(device: Device): Trainer {
  const model = new Sequential(new Linear(4, 32), relu, new Linear(32, 2)).to(device, { seed: 5 });
  return new Trainer({
    device,
    model,
    loss: crossEntropy,
    optimizer: new AdamW(model.parameters(), { lr: 5e-2 }),
  });
}

onEachDevice("Trainer: early stopping", (device) => {
  const run: RunOptions = { epochs: 40, batchSize: 8, validation: VALIDATION };

  /** The step and reason that the definition of patience gives for these losses. */
  function expectedEnd(
    losses: EvalEvent[],
    patience: number,
    minDelta: number,
  ): { step: number; best: EvalEvent } {
    let [best, waited] = [losses[0] as EvalEvent, 0];
    for (const event of losses.slice(1)) {
      if (event.loss < best.loss - minDelta) [best, waited] = [event, 0];
      else waited += 1;
      if (waited === patience) return { step: event.step, best };
    }
    throw new Error("it never stops");
  }

  for (const [patience, minDelta] of [
    [1, 0],
    [3, 0],
    [2, 0.05],
  ] as const) {
    it(`ends after ${patience} evaluations that are not ${minDelta} better, and brings the best parameters back`, async () => {
      await using whole = overfitting(device());
      const parameters = new Map<number, number[]>();
      const all: EvalEvent[] = [];
      for await (const event of whole.run(TRAIN, run)) {
        if (event.type !== "eval") continue;
        all.push(event);
        parameters.set(event.step, await parametersOf(whole.model as Sequential));
        if (event.step === 100) break;
      }
      const { step, best } = expectedEnd(all, patience, minDelta);

      await using trainer = overfitting(device());
      const earlyStopping = { patience, minDelta, restoreBest: true };
      await device().sync();
      const { live } = device().memory();
      const events = await collect(trainer.run(TRAIN, { ...run, earlyStopping }));
      expect(events.at(-1)).to.deep.include({ type: "end", reason: "stoppedEarly", step });
      expect(events.at(-1)).to.deep.include({ best: { value: best.loss, step: best.step } });
      expect(evaluations(events)).to.deep.equal(all.slice(0, evaluations(events).length));
      await device().sync();
      expect(device().memory().live, "the copy is freed").to.equal(live);
      expect(await parametersOf(trainer.model as Sequential)).to.deep.equal(parameters.get(best.step));
      expect((await trainer.evaluate(VALIDATION)).loss).to.equal(best.loss);
    });
  }

  it("does not end a run that improves, watches the accuracy upwards, and needs something to watch", async () => {
    await using trainer = makeTrainer(device()).trainer;
    const earlyStopping = { metric: "accuracy", patience: 100 };
    const result = await trainer.fit(TRAIN, { ...run, epochs: 8, earlyStopping });
    expect(result.reason).to.equal("completed");
    const highest = result.best?.value ?? Number.NaN;
    expect(highest).to.be.at.least(result.validation?.accuracy ?? Number.NaN);
    expect(highest).to.be.above(0.5);
    const bad: [RunOptions, RegExp][] = [
      [{ epochs: 1, batchSize: 8, earlyStopping: {} }, /'earlyStopping': got no 'validation'/],
      [{ ...run, earlyStopping: { patience: 0 } }, /'earlyStopping.patience'/],
      [{ ...run, earlyStopping: { minDelta: -1 } }, /'earlyStopping.minDelta'/],
      [{ ...run, earlyStopping: { metric: "f1" } }, /'earlyStopping.mode'/],
      [{ ...run, earlyStopping: { metric: "" } }, /'earlyStopping.metric'/],
    ];
    for (const [options, pattern] of bad)
      await expectError("ADASTEP_ARGUMENT", pattern, () => trainer.run(TRAIN, options));
    await expectError(
      "ADASTEP_ARGUMENT",
      /got "f1", accepted: a figure of the evaluations: loss, accuracy/,
      () => trainer.fit(TRAIN, { ...run, earlyStopping: { metric: "f1", mode: "max" } }),
    );
  });

  it("a plateau hears of each evaluation, before the next step", async () => {
    const p = plateau({ patience: 0, factor: 0.5, threshold: 10, thresholdMode: "abs" }); // nothing is 10 better
    await using trainer = makeTrainer(device(), { schedule: p, plateau: p }).trainer;
    const events = await collect(trainer.run(TRAIN, { ...run, epochs: 4, batchSize: 40 }));
    const lrs = events.flatMap((event) => (event.type === "step" ? [event.lr] : []));
    expect(lrs).to.eql([1, 1, 0.5, 0.25].map((factor) => 1e-2 * factor));
  });

  it("evaluates the average that schedule-free keeps", async () => {
    const model = new Sequential(new Linear(4, 16), relu, new Linear(16, 2)).to(device(), { seed: 5 });
    const optimizer = new ScheduleFreeAdamW(model.parameters(), { lr: 3e-2 });
    const parts = { device: device(), model, optimizer, loss: crossEntropy };
    await using trainer = new Trainer({ ...parts, evaluateAverage: true });
    for await (const event of trainer.run(TRAIN, { ...run, epochs: 2 })) {
      if (event.type !== "eval") continue;
      expect(event).to.deep.include(await optimizer.withAverage(() => trainer.evaluate(VALIDATION)));
      expect(event.loss).not.to.equal((await trainer.evaluate(VALIDATION)).loss);
    }
  });

  it("evaluates, stops by and brings back the running mean of the parameters, if it is told to", async () => {
    const model = new Sequential(new Linear(4, 16), relu, new Linear(16, 2)).to(device(), { seed: 5 });
    const optimizer = new AdamW(model.parameters(), { lr: 3e-2, average: 0.9 });
    const parts = { device: device(), model, optimizer, loss: crossEntropy };
    await using trainer = new Trainer({ ...parts, evaluateAverage: true });
    for await (const event of trainer.run(TRAIN, { ...run, epochs: 3 })) {
      if (event.type !== "eval") continue;
      const averaged = await optimizer.withAverage(() => trainer.evaluate(VALIDATION));
      expect(event).to.deep.include(averaged);
      expect(event.loss).not.to.equal((await trainer.evaluate(VALIDATION)).loss);
    }
    const earlyStopping = { patience: 2, minDelta: 0.01, restoreBest: true };
    const { reason, best } = await trainer.fit(TRAIN, { ...run, earlyStopping });
    expect(reason).to.equal("stoppedEarly");
    expect((await trainer.evaluate(VALIDATION)).loss).to.equal(best?.value);
    const plain = new SGD(model.parameters());
    await expectError("ADASTEP_ARGUMENT", /'evaluateAverage': got true.*'average'/, () => {
      new Trainer({ ...parts, optimizer: plain, evaluateAverage: true });
    });
  });

  it("goes back to the best one's running statistics, too", async () => {
    using model = new Sequential(new Linear(4, 6), new BatchNorm(6), new Linear(6, 2)).to(device());
    using optimizer = new SGD(model.parameters(), { lr: 0.5 });
    await using trainer = new Trainer({ device: device(), model, optimizer, loss: crossEntropy });
    const earlyStopping = { patience: 2, minDelta: 0.01, restoreBest: true };
    const fit = { epochs: 50, batchSize: 4, validation: VALIDATION, earlyStopping };
    const { reason, best } = await trainer.fit(TRAIN, fit);
    expect(reason).to.equal("stoppedEarly");
    expect((await trainer.evaluate(VALIDATION)).loss).to.equal(best?.value);
  });
});

onEachDevice("Trainer: holding a run", (device) => {
  const run: RunOptions = { epochs: 2, batchSize: 4 };

  it("starts no step while it is paused, and ends as the run that was not", async () => {
    const whole = makeTrainer(device());
    await whole.trainer.fit(TRAIN, run);
    await whole.trainer.dispose();
    const { trainer, model } = makeTrainer(device());
    await using _ = trainer;
    const seen: string[] = [];
    let held = Number.NaN;
    for await (const event of trainer.run(TRAIN, run)) {
      if (event.type === "step" && event.step === 5) trainer.pause();
      if (event.type === "pause") {
        held = trainer.step;
        setTimeout(() => {
          seen.push(`still at ${trainer.step}`);
          trainer.resume();
        }, 60);
      }
      if (event.type === "pause" || event.type === "resume") seen.push(event.type);
    }
    expect(held).to.be.within(5, 6);
    expect(seen).to.eql(["pause", `still at ${held}`, "resume"]);
    expect(await parametersOf(model)).to.eql(await parametersOf(whole.model));
  });

  it("is ended by abort and by dispose, held or not", async () => {
    const controller = new AbortController();
    const first = makeTrainer(device()).trainer;
    first.pause();
    setTimeout(() => controller.abort(), 20);
    const { reason, step } = await first.fit(TRAIN, { ...run, signal: controller.signal });
    expect({ reason, step }).to.eql({ reason: "aborted", step: 0 });
    setTimeout(() => first.dispose(), 20);
    expect((await first.fit(TRAIN, run)).reason).to.equal("aborted");
  });
});

onEachDevice("Trainer: quick checks", (device) => {
  it("a rehearsal takes two steps and evaluates each", async () => {
    const { trainer } = makeTrainer(device(), { checkpoints: { directory: "/nowhere/to/be/written" } });
    await using _ = trainer;
    const options = { epochs: 1000, batchSize: 4, validation: VALIDATION, fastDevRun: true };
    const events = await collect(trainer.run(TRAIN, options));
    expect(events.map(({ type }) => type).join(" ")).to.equal("step eval step eval epoch end");
    expect(evaluations(events)[0]?.examples).to.equal(4);
  });

  it("one batch is learnt by heart, and everything is as it was", async () => {
    const model = new Sequential(
      new Linear(4, 16),
      new BatchNorm(16),
      relu,
      new Dropout(0),
      new Linear(16, 2),
    ).to(device(), { seed: 5 });
    const optimizer = new AdamW(model.parameters(), { lr: 3e-2, weightDecay: 0 });
    const parts = { device: device(), model, optimizer, loss: crossEntropy, train: TRAIN, batchSize: 8 };
    await using trainer = new Trainer({ device: device(), model, optimizer, loss: crossEntropy });
    await trainer.fit(TRAIN, { epochs: 1, batchSize: 8 });
    const before = [await model.state(), await optimizer.state()];
    const { live } = device().memory();
    const { losses, first, last } = await overfitBatch(parts);
    expect(losses).to.have.length(200);
    expect([losses[0], losses.at(-1)]).to.eql([first, last]);
    expect(first).to.be.above(0.1);
    expect(last).to.be.below(0.02);
    expect([await model.state(), await optimizer.state()]).to.deep.equal(before);
    await device().sync();
    expect(device().memory().live).to.equal(live);
    const aborted = await overfitBatch({ ...parts, signal: AbortSignal.abort() });
    expect(aborted).to.deep.include({ losses: [], first: Number.NaN });
    await expectError("ADASTEP_ARGUMENT", /overfitBatch: 'steps'/, () =>
      overfitBatch({ ...parts, steps: 0 }),
    );
    await expectError("ADASTEP_ARGUMENT", /overfitBatch: option/, () =>
      overfitBatch({ ...parts, epochs: 1 } as never),
    );
  });
});
