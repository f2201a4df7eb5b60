// A run that is resumed from a checkpoint is the run that was never interrupted, bit for bit: events, parameters, optimizer.

import { expect } from "chai";
import {
  AdamW,
  Dataset,
  type Device,
  Embedding,
  flatten,
  Linear,
  type Module,
  type Parameter,
  type RunOptions,
  Sequential,
  SGD,
  type TrainerEvent,
  type TrainerOptions,
} from "../../lib/index.js";
import { CLASSES, type ClassName, construct } from "../optim/variants.js";
import { onEachDevice } from "../support/devices.js";
import { temporaryFolder } from "../support/folder.js";
import {
  follow,
  isCheckpoint,
  type Make,
  mlp,
  RUN,
  start,
  stateOf,
  TRAIN,
  VALIDATION,
} from "./checkpoint-support.js";

/** Compares a run with one that ends after the checkpoint of `step` and is resumed by other objects. */
async function resumes(
  device: Device,
  path: (name: string) => string,
  step: number,
  make: Make,
  {
    more = {},
    run = RUN,
    model = mlp,
    train = TRAIN,
  }: {
    more?: Partial<TrainerOptions>;
    run?: RunOptions;
    model?: () => Module;
    train?: Dataset;
  } = {},
): Promise<void> {
  const checkpoints = (name: string) => ({
    directory: path(name),
    every: { steps: 1 },
    keepLast: 2,
    keepBest: {},
  });
  const began = (name: string, from?: string) =>
    start(device, make, { ...more, checkpoints: checkpoints(name) }, from, model);
  await using whole = await began("whole");
  const expected = await follow(whole, run, undefined, train);
  const before: object[] = [];
  {
    await using first = await began("parts");
    before.push(...(await follow(first, run, isCheckpoint(step), train)));
  }
  await using second = await began("parts", path("parts"));
  expect(second.trainer.step).to.equal(step);
  const after = await follow(second, run, undefined, train);
  expect([...before, ...after]).to.deep.equal(expected);
  expect(await stateOf(second)).to.deep.equal(await stateOf(whole));
  expect(after.at(-1)).to.include({ type: "end" });
}

onEachDevice("A run resumed from a checkpoint", (device) => {
  const path = temporaryFolder();

  // 30 examples in batches of 4 are 8 steps an epoch, the last with 2: steps 5, 8, 10 and 16 are evaluations or ends of epochs.
  for (const name of Object.keys(CLASSES) as ClassName[]) {
    it(`is the uninterrupted one: ${name}, in the middle of an epoch`, () => {
      // Muon takes matrices alone: the biases stay.
      const own = (p: readonly Parameter[]) =>
        name === "Muon" ? p.filter(({ shape }) => shape.length === 2) : p;
      const average = name === "ScheduleFreeAdamW" ? {} : { average: 0.9 }; // it keeps one of its own
      return resumes(device(), path, 11, (p) => construct(name, own(p), { ...average, lr: 1e-2 }));
    });
  }

  for (const precision of ["bf16", "u8"]) {
    it(`is the uninterrupted one: Adam in ${precision}, with groups`, () => {
      const groups = [{ match: (name: string) => name.endsWith("bias"), lr: 2e-3 }];
      return resumes(device(), path, 6, (p) =>
        construct("Adam", p, { precision, seed: 3, groups, lr: 1e-2 }),
      );
    });
  }

  for (const step of [1, 5, 8, 10, 16, 23, 24]) {
    it(`at step ${step}, whatever is due there, early stopping and the best parameters included`, () => {
      const earlyStopping = { metric: "accuracy", patience: 4, restoreBest: true };
      const run = { ...RUN, earlyStopping };
      return resumes(device(), path, step, (p) => new AdamW(p, { lr: 3e-2, average: 0.9 }), { run });
    });
  }

  it("after it was stopped early: it ends at once, with the best parameters", () => {
    const run: RunOptions = {
      ...RUN,
      epochs: 50,
      earlyStopping: { patience: 2, minDelta: 0.5, restoreBest: true },
    };
    return resumes(device(), path, 15, (p) => new AdamW(p, { lr: 1e-2 }), { run });
  });

  for (const step of [2, 4, 6]) {
    it(`with steps on three batches, a scaled loss and evaluations of the running mean, at step ${step}`, () => {
      const more = { accumulate: 3, lossScale: { initial: 256, interval: 3 }, evaluateAverage: true };
      const earlyStopping = { patience: 9, restoreBest: true };
      const run = { ...RUN, evaluateEvery: 2, earlyStopping };
      return resumes(device(), path, step, (p) => new AdamW(p, { lr: 3e-2, average: 0.9 }), { more, run });
    });
  }

  // One example is not finite: its batch rolls each epoch back to a snapshot, of which those before the checkpoint are a part.
  for (const [step, snapshotEvery] of [
    [9, 7],
    [9, 100],
    [13, 100],
    [17, 7],
  ] as const) {
    it(`with a guard that rolls back to snapshots from before step ${step}, taken every ${snapshotEvery} steps`, async () => {
      const x = TRAIN.columns.x.data.slice();
      x[20] = Number.POSITIVE_INFINITY;
      const train = new Dataset({ x: { data: x as Float32Array, shape: [4] }, y: TRAIN.columns.y });
      const guard = {
        nan: "rollback",
        spike: "rollback",
        snapshotEvery,
        snapshots: 2,
        recovery: 20,
      } as const;
      const makes: Record<string, Make> = {
        plain: (p) => new AdamW(p, { lr: 1e-2, average: 0.9 }),
        packed: (p) => construct("Adam", p, { precision: "u8", copy: "bf16" }),
      };
      for (const [kind, make] of Object.entries(makes))
        await resumes(device(), (name) => path(`${kind}-${name}`), step, make, { more: { guard }, train });
    });
  }

  it("with sparse tables that are brought up to date in closed form", () => {
    const words = Int32Array.from({ length: 60 }, (_, i) => (i * i * 7) % 11);
    const train = new Dataset({
      x: { data: words, shape: [2] },
      y: { data: Int32Array.from({ length: 30 }, (_, i) => i % 2), shape: [] },
    });
    const model = () =>
      new Sequential(new Embedding(11, 3, { sparse: true }), (x) => flatten(x), new Linear(6, 2));
    const { validation: _, ...run } = RUN;
    const { evaluateEvery: _e, ...plain } = run;
    return resumes(device(), path, 11, (p) => new AdamW(p, { lr: 1e-2, sparse: "catchUp" }), {
      ...{ run: plain, model, train },
      more: { guard: undefined, clip: undefined } as never,
    });
  });

  it("that was aborted: the last checkpoint is of its last step", async () => {
    const checkpoints = { directory: path("aborted"), every: { epochs: 1 } };
    const make: Make = (p) => new SGD(p, { lr: 1e-2, momentum: 0.9 });
    await using whole = await start(device(), make);
    const expected = await follow(whole, RUN);
    const before: object[] = [];
    {
      const controller = new AbortController();
      await using first = await start(device(), make, { checkpoints });
      for await (const event of first.trainer.run(TRAIN, { ...RUN, signal: controller.signal })) {
        if (event.type === "step" && event.step === 12) controller.abort();
        before.push(event);
      }
      expect(before.at(-1)).to.include({ type: "end", reason: "aborted" });
      expect(before.at(-2)).to.include({ type: "checkpoint", step: first.trainer.step });
    }
    await using second = await start(device(), make, { checkpoints }, path("aborted"));
    await follow(second, RUN);
    expect(await stateOf(second)).to.deep.equal(await stateOf(whole));
    expect(expected.at(-1)).to.include({ type: "end", reason: "completed", step: 24 });
  });

  // Steps 5 and 10 are evaluated in the middle of an epoch; without evaluateEvery each of the epochs, of 8 steps, is at its end.
  for (const [title, at, every] of [
    ["a step", { type: "step", step: 10 }, { evaluateEvery: 5, logEvery: 1 }],
    ["an epoch", { type: "epoch", step: 16 }, {}],
  ] as const) {
    it(`that was aborted between ${title} and its evaluation makes up for that`, async () => {
      const checkpoints = { directory: path("owed"), every: { epochs: 1 } };
      const make: Make = (p) => new AdamW(p, { lr: 1e-2 });
      const run: RunOptions = { epochs: 3, batchSize: 4, validation: VALIDATION, ...every };
      const evaluations = (events: object[]) =>
        events.filter((event) => (event as TrainerEvent).type === "eval");
      await using whole = await start(device(), make);
      const expected = evaluations(await follow(whole, run));
      const before: object[] = [];
      {
        const controller = new AbortController();
        await using first = await start(device(), make, { checkpoints });
        const abort = (event: TrainerEvent): boolean => {
          if (event.type === at.type && event.step === at.step) controller.abort();
          return false;
        };
        before.push(...(await follow(first, { ...run, signal: controller.signal }, abort)));
        expect(first.trainer.step, "the evaluation is a barrier").to.equal(at.step);
      }
      await using second = await start(device(), make, { checkpoints }, path("owed"));
      const after = await follow(second, run);
      expect(evaluations(before)).to.have.length(1);
      expect([...evaluations(before), ...evaluations(after)]).to.deep.equal(expected);
      expect(await stateOf(second)).to.deep.equal(await stateOf(whole));
    });
  }

  it("for more epochs than it was begun with", async () => {
    const checkpoints = { directory: path("more") };
    const make: Make = (p) => new AdamW(p, { lr: 1e-2 });
    const { validation: _, evaluateEvery: _e, ...run } = RUN;
    await using whole = await start(device(), make);
    await whole.trainer.fit(TRAIN, { ...run, epochs: 4 });
    {
      await using first = await start(device(), make, { checkpoints });
      await first.trainer.fit(TRAIN, { ...run, epochs: 2 });
    }
    await using second = await start(device(), make, { checkpoints }, path("more"));
    const same = await second.trainer.fit(TRAIN, { ...run, epochs: 2 });
    expect(same, "nothing is left of the run").to.include({ reason: "completed", step: 16, epoch: 2 });
    await using third = await start(device(), make, { checkpoints }, path("more"));
    await third.trainer.fit(TRAIN, { ...run, epochs: 4 });
    expect(await stateOf(third)).to.deep.equal(await stateOf(whole));
  });
});
