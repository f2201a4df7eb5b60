// Sweeps: order, events, figures and their summary, ways to leave, memory.

import { expect } from "chai";
import {
  Adam,
  crossEntropy,
  type Figures,
  Linear,
  type Optimizer,
  type Parameter,
  relu,
  Sequential,
  SGD,
  type SweepEvent,
  type SweepOptions,
  summarizeSweep,
  sweep,
  type Trial,
  type TrialResult,
  trainingTrial,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { clouds } from "./support.js";

async function collect<T>(events: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const never = (): Optimizer => {
  throw new Error("no optimizer is made here");
};

describe("sweep", () => {
  const base = { optimizers: { b: never, a: never }, lrs: [10, 1], seeds: [7, 3] };
  const textOf = ({ optimizer, lr, seed }: TrialResult): string => `${optimizer} ${lr} ${seed}`;

  it("runs optimizers, learning rates and seeds in the order given, one at a time", async () => {
    let running = 0;
    const run = async ({ lr, seed }: Trial): Promise<Figures> => {
      expect(++running).to.equal(1);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running--;
      return { loss: lr, accuracy: seed / 10 };
    };
    const events = await collect(sweep({ ...base, run }));
    const order = ["b 10 7", "b 10 3", "b 1 7", "b 1 3", "a 10 7", "a 10 3", "a 1 7", "a 1 3"];
    const trials = events.flatMap((event) => (event.type === "trial" ? [event] : []));
    expect(trials.map(textOf)).to.deep.equal(order);
    expect(trials.map(({ done, total }) => `${done}/${total}`).at(-1)).to.equal("8/8");
    expect(trials[0]).to.include({ loss: 10, accuracy: 0.7, done: 1, total: 8 });
    expect(trials[0]?.seconds).to.be.above(0);
    const end = events.at(-1);
    if (end?.type !== "end") throw new Error("the last event is the end");
    expect(end.reason).to.equal("completed");
    expect(end.trials.map(textOf)).to.deep.equal(order);
    expect(end.summary).to.deep.equal(summarizeSweep(end.trials, { score: "accuracy", tolerance: 0.02 }));
  });

  it("makes each optimizer with its learning rate", async () => {
    const made: unknown[] = [];
    const parameters: Parameter[] = [];
    const maker = (name: string) => (given: readonly Parameter[], lr: number) => {
      made.push([name, given === parameters, lr]);
      return undefined as unknown as Optimizer;
    };
    const run = ({ make }: Trial): Figures => {
      make(parameters);
      return { loss: 1 };
    };
    const optimizers = { x: maker("x"), y: maker("y") };
    await collect(sweep({ optimizers, lrs: [0.5], seeds: [1], run, score: "loss" }));
    expect(made).to.deep.equal([
      ["x", true, 0.5],
      ["y", true, 0.5],
    ]);
  });

  it("starts nothing before it is asked, nor after it is left", async () => {
    let runs = 0;
    const run = (): Figures => {
      runs++;
      return { loss: 0 };
    };
    const events = sweep({ ...base, run, score: "loss" });
    expect(runs).to.equal(0);
    for await (const event of events) {
      expect(event.type).to.equal("trial");
      if (runs === 2) break;
    }
    expect(runs).to.equal(2);
  });

  it("ends by its signal, between trials and in one, and sums up what has run", async () => {
    for (const how of ["before", "returns", "throws"]) {
      const controller = new AbortController();
      let runs = 0;
      const run = ({ signal }: Trial): Figures => {
        expect(signal).to.equal(controller.signal);
        if (++runs === 3) {
          controller.abort();
          if (how === "throws") signal?.throwIfAborted();
        }
        return { loss: runs };
      };
      if (how === "before") controller.abort();
      const events = await collect(sweep({ ...base, run, score: "loss", signal: controller.signal }));
      const end = events.at(-1);
      const counted = how === "before" ? 0 : 2;
      expect(events).to.have.length(counted + 1);
      expect(end).to.include({ type: "end", reason: "aborted" });
      if (end?.type === "end") expect(end.trials).to.have.length(counted);
    }
  });

  it("throws what a trial throws", async () => {
    const run = (): Figures => {
      throw new RangeError("a trial of one's own");
    };
    let caught: unknown;
    await collect(sweep({ ...base, run })).catch((error) => {
      caught = error;
    });
    expect(caught).to.be.instanceOf(RangeError);
  });

  it("refuses options and figures that are wrong", async () => {
    const good = { ...base, run: (): Figures => ({ loss: 1 }) };
    const bad: [object, RegExp][] = [
      [{ optimizers: {} }, /sweep: 'optimizers'/],
      [{ optimizers: { a: 5 } }, /'optimizers'/],
      [{ lrs: [] }, /'lrs'/],
      [{ lrs: [1, 1] }, /'lrs'.*distinct/],
      [{ lrs: [0] }, /'lrs'/],
      [{ seeds: [1, 1] }, /'seeds'/],
      [{ seeds: [0.5] }, /'seeds'/],
      [{ run: 5 }, /'run'/],
      [{ score: "f1" }, /'score'/],
      [{ tolerance: -1 }, /'tolerance'/],
      [{ signal: 1 }, /'signal'/],
      [{ seed: [1] }, /"seed"/],
    ];
    for (const [options, pattern] of bad)
      await expectError("ADASTEP_ARGUMENT", pattern, () => sweep({ ...good, ...options } as SweepOptions));
    await expectError("ADASTEP_ARGUMENT", /what 'run' gives.*accuracy undefined.*score: "loss"/, () =>
      collect(sweep(good)),
    );
  });
});

describe("summarizeSweep", () => {
  const trials = (optimizer: string, scores: Readonly<Record<number, readonly number[]>>): TrialResult[] =>
    Object.entries(scores).flatMap(([lr, list]) =>
      list.map((accuracy, seed) => ({ optimizer, lr: Number(lr), seed, loss: -accuracy, accuracy })),
    );
  const results = [
    ...trials("wide", {
      0.1: [0.88, 0.92],
      0.001: [0.5, 0.7],
      0.01: [0.9, 0.94],
      1: [0.89, 0.91],
      10: [0.1, 0.1],
    }),
    ...trials("narrow", { 0.1: [0.95, 0.93], 1: [Number.NaN, 0.99], 10: [0.94, 0.92] }),
    ...trials("bad", { 0.1: [0.3, 0.5] }),
    ...trials("lost", { 0.1: [Number.NaN, 0.5] }),
  ];

  it("gives mean and spread over the seeds, the best rate, and the range around it that is as good", () => {
    const [wide, narrow, bad, lost] = summarizeSweep(results, { score: "accuracy", tolerance: 0.05 });
    expect(wide?.points.map(({ lr }) => lr)).to.deep.equal([0.001, 0.01, 0.1, 1, 10]);
    expect(wide?.points[0]?.mean).to.be.closeTo(0.6, 1e-12);
    expect(wide?.points[0]?.spread).to.be.closeTo(Math.SQRT2 / 10, 1e-12);
    expect(wide?.best?.lr).to.equal(0.01);
    expect(wide?.usable).to.include({ from: 0.01, to: 1 });
    expect(wide?.usable?.decades).to.be.closeTo(2, 1e-12);

    expect(narrow?.best?.lr).to.equal(0.1);
    expect(narrow?.points[1]?.mean).to.be.NaN;
    expect(narrow?.usable, "not across a rate that diverged").to.deep.equal({
      from: 0.1,
      to: 0.1,
      decades: 0,
    });
    expect(bad?.best?.mean).to.be.closeTo(0.4, 1e-12);
    expect(bad?.usable).to.equal(undefined);
    expect(lost).to.deep.include({ best: undefined, usable: undefined });
  });

  it("takes the smallest loss for the best", () => {
    const by = (score: "accuracy" | "loss") => summarizeSweep(results, { score, tolerance: 0.05 });
    const strip = ({ best, usable }: ReturnType<typeof by>[number]) => ({ lr: best?.lr, usable });
    expect(by("loss").map(strip)).to.deep.equal(by("accuracy").map(strip));
  });

  it("has no spread for one seed", () => {
    const [one] = summarizeSweep([{ optimizer: "a", lr: 1, seed: 0, loss: 2 }], {
      score: "loss",
      tolerance: 0,
    });
    expect(one?.best).to.deep.equal({ lr: 1, scores: [2], mean: 2, spread: Number.NaN });
  });
});

onEachDevice("sweep of trainings", (device) => {
  const [train, validation] = [clouds(120), clouds(100, 3)];
  const options = () => ({
    device: device(),
    model: () => new Sequential(new Linear(4, 8), relu, new Linear(8, 2)),
    loss: crossEntropy,
    train,
    validation,
    epochs: 3,
    batchSize: 16,
  });
  const plan = (more: Partial<Parameters<typeof trainingTrial>[0]> = {}) => ({
    optimizers: {
      adam: (p: readonly Parameter[], lr: number) => new Adam(p, { lr }),
      sgd: (p: readonly Parameter[], lr: number) => new SGD(p, { lr }),
    },
    lrs: [1e-6, 1e-2, 1e-1],
    seeds: [1, 2],
    run: trainingTrial({ ...options(), ...more }),
  });
  const plain = (events: SweepEvent[]) =>
    events.map((event) => (event.type === "trial" ? { ...event, seconds: 0 } : event));

  it("trains each from its seed: the same figures each time, others for another seed", async () => {
    const events = await collect(sweep(plan()));
    expect(events).to.have.length(13);
    expect(plain(await collect(sweep(plan())))).to.deep.equal(plain(events));
    const end = events.at(-1);
    if (end?.type !== "end") throw new Error("the last event is the end");
    const [first, second] = end.trials;
    expect(first?.loss).not.to.equal(second?.loss);
    const [adam] = end.summary;
    expect(adam?.best?.lr).to.be.at.least(1e-2);
    expect(adam?.best?.mean).to.be.above(0.8);
  });

  it("frees all it made, also when it is left, aborted or fails", async () => {
    await collect(sweep(plan()));
    await device().sync();
    const { live } = device().memory();
    const expectNothingLeft = async (): Promise<void> => {
      await device().sync();
      expect(device().memory().live).to.equal(live);
    };
    await collect(sweep(plan()));
    await expectNothingLeft();
    for await (const _ of sweep(plan())) break;
    await expectNothingLeft();
    const controller = new AbortController();
    const long = plan({ epochs: 100_000 });
    setTimeout(() => controller.abort(), 30);
    const events = await collect(sweep({ ...long, signal: controller.signal }));
    expect(events).to.have.length(1);
    expect(events[0]).to.deep.include({ type: "end", reason: "aborted", trials: [], summary: [] });
    await expectNothingLeft();
    await expectError("ADASTEP_SHAPE", /'loss'/, () => collect(sweep(plan({ loss: (y) => y as never }))));
    await expectNothingLeft();
  });

  it("refuses options that are wrong", async () => {
    const bad: [object, RegExp][] = [
      [{ model: 5 }, /trainingTrial: 'model'/],
      [{ train: 5 }, /trainingTrial: 'train'/],
      [{ validation: undefined }, /'validation'/],
      [{ epochs: -1 }, /'epochs'/],
      [{ batchSize: 0 }, /'batchSize'/],
      [{ seed: 1 }, /"seed"/],
    ];
    for (const [more, pattern] of bad)
      await expectError("ADASTEP_ARGUMENT", pattern, () => trainingTrial({ ...options(), ...more } as never));
    const five = { ...plan(), optimizers: { five: () => 5 as never } };
    await expectError("ADASTEP_ARGUMENT", /'make' gave: got 5, accepted: an optimizer/, () =>
      collect(sweep(five)),
    );
    await expectError("ADASTEP_ARGUMENT", /Trainer: 'clip/, () =>
      collect(sweep(plan({ clip: { norm: -1 } }))),
    );
  });
});
