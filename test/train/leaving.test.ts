// Ways to leave the loop of a run: each stops the work, frees all memory of the run, and leaves a trainer that is of use.

import { expect } from "chai";
import type { RunOptions, StepEvent, Trainer, TrainerEvent, TrainerOptions } from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";
import { clouds, makeTrainer } from "./support.js";

async function collect(events: AsyncIterable<TrainerEvent>): Promise<TrainerEvent[]> {
  const all: TrainerEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const steps = (events: TrainerEvent[]): StepEvent[] => events.filter((event) => event.type === "step");
const kinds = (events: TrainerEvent[]): string => events.map((event) => event.type).join(" ");

onEachDevice("Trainer: leaving the loop", (device) => {
  const path = temporaryFolder();
  const train = clouds(50);
  const options = { epochs: 1000, batchSize: 4, validation: clouds(9, 2) };
  /** With all that holds memory or does work of its own. */
  const busy = { ...options, evaluateEvery: 7, earlyStopping: { patience: 1000, restoreBest: true } };
  const parts = (): Partial<TrainerOptions> => ({
    accumulate: 2,
    checkpoints: { directory: path("checkpoints"), every: { steps: 6 } },
    ...{ clip: { norm: 1 }, guard: { spike: "rollback" }, lossScale: {} },
  });

  /** Runs `leave` on a trainer and expects the device's memory to be as before, and the trainer to be of use still. */
  async function leaves(leave: (trainer: Trainer, run: RunOptions) => Promise<void>): Promise<void> {
    const before = device().memory().live;
    for (const [more, run] of [
      [{}, options],
      [parts(), busy],
    ] as const) {
      const { trainer, optimizer, model } = makeTrainer(device(), more);
      using _optimizer = optimizer;
      using _model = model;
      await using _ = trainer;
      // The snapshots of a guard come with the first step, and are the optimizer's.
      await trainer.fit(train, { ...run, fastDevRun: true });
      await device().sync();
      const [{ live }, began] = [device().memory(), trainer.step];
      await leave(trainer, run);
      await device().sync();
      expect(device().memory().live).to.equal(live);
      const { step } = trainer;
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(trainer.step, "no step is taken afterwards").to.equal(step);
      expect(step - began).to.be.within(0, 22);
      const result = await trainer.fit(train, { epochs: 1, batchSize: 50 });
      expect(result.step).to.equal(step + 1);
      expect((await trainer.evaluate(train)).examples).to.equal(50);
    }
    await device().sync();
    expect(device().memory().live, "of the model and the optimizer, too").to.equal(before);
  }

  it("by break", () =>
    leaves(async (trainer, run) => {
      for await (const event of trainer.run(train, run)) if (event.step === 20) break;
      expect(trainer.step).to.be.within(20, 21);
    }));

  it("by throw", () =>
    leaves(async (trainer, run) => {
      const failing = async (): Promise<void> => {
        for await (const event of trainer.run(train, run)) if (event.step === 20) throw new Error("mine");
      };
      await failing().then(
        () => expect.fail("no error"),
        (error: Error) => expect(error.message).to.equal("mine"),
      );
    }));

  it("by return()", () =>
    leaves(async (trainer, run) => {
      const events = trainer.run(train, run);
      for (let i = 0; i < 5; i++) await events.next();
      await events.return();
      expect(await events.next()).to.eql({ done: true, value: undefined });
    }));

  it("by abort, between two steps, with every step that ran told", () =>
    leaves(async (trainer, run) => {
      const [controller, began] = [new AbortController(), trainer.step];
      const events: TrainerEvent[] = [];
      for await (const event of trainer.run(train, { ...run, signal: controller.signal })) {
        events.push(event);
        if (event.step === 20) controller.abort();
      }
      expect(events.at(-1)).to.include({ type: "end", reason: "aborted", step: trainer.step });
      const told = steps(events).map(({ step }) => step);
      expect(told).to.eql(Array.from({ length: trainer.step - began }, (_, i) => began + i + 1));
      expect(trainer.step).to.be.within(20, 22);
    }));

  it("before it began: nothing happens", () =>
    leaves(async (trainer, run) => {
      const began = trainer.step;
      const events = await collect(trainer.run(train, { ...run, signal: AbortSignal.abort() }));
      expect(kinds(events)).to.equal(run === options ? "end" : "checkpoint end");
      expect(trainer.step).to.equal(began);
    }));

  it("by disposing the trainer in the middle", async () => {
    const { trainer } = makeTrainer(device());
    const reasons: string[] = [];
    for await (const event of trainer.run(train, options)) {
      if (event.type === "end") reasons.push(event.reason);
      if (event.step === 5) await trainer.dispose();
    }
    expect(reasons).to.eql(["aborted"]);
    await expectError("ADASTEP_DISPOSED", /disposed trainer/, () => trainer.evaluate(train));
    await expectError("ADASTEP_DISPOSED", /disposed trainer/, () => trainer.predict(train.columns.x));
  });

  it("an evaluation or a prediction that a dispose cuts off rejects: no figures of a part", async () => {
    const { trainer } = makeTrainer(device());
    const data = clouds(5000);
    const cut = [trainer.evaluate(data, { batchSize: 1 }), trainer.predict(data.columns.x, { batchSize: 1 })];
    const settled = Promise.allSettled(cut);
    await trainer.dispose();
    for (const { status } of await settled) expect(status).to.equal("rejected");
  });

  it("one run at a time", async () => {
    await using trainer = makeTrainer(device()).trainer;
    for await (const event of trainer.run(train, options)) {
      await expectError("ADASTEP_ARGUMENT", /one run at a time/, () => trainer.fit(train, options));
      if (event.step === 2) break;
    }
  });
});
