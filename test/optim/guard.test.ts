// The guard's decisions, from whole steps, against its rules written down once more in plain TypeScript.

import { expect } from "chai";
import {
  Adam,
  type Device,
  f32,
  type GuardEvent,
  type GuardOptions,
  Muon,
  mul,
  type Optimizer,
  type OptimizerState,
  type Parameter,
  parameter,
  SGD,
  type StepOptions,
  sum,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { floats, random } from "../support/numbers.js";

/** The upper median. */
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;

/** Accepted values, the last 64 of which count, and the first since it was emptied. */
class Window {
  #kept: number[] = [];
  #first = 0;
  #seen = 0;
  constructor(readonly floor: number) {}

  get seen(): number {
    return this.#seen;
  }
  limit(threshold: number): number {
    const middle = median(this.#kept);
    const deviation = 1.4826 * median(this.#kept.map((v) => Math.abs(v - middle)));
    return (
      middle + threshold * Math.max(deviation, this.floor * Math.max(Math.abs(middle), Math.abs(this.#first)))
    );
  }
  add(value: number): void {
    if (this.#seen === 0) this.#first = value;
    this.#kept = [...this.#kept, value].slice(-64);
    this.#seen += 1;
  }
  empty(): void {
    this.#kept = [];
    this.#seen = 0;
  }
}

type Decided = Pick<GuardEvent, "attempt" | "cause" | "value" | "limit">;

/** Which steps are spikes, by `threshold`, `history` and `patience`, if spikes are skipped. */
class Judge {
  readonly spikes: Decided[] = [];
  readonly #norms = new Window(0.5);
  readonly #losses = new Window(0.1);
  #attempts = 0;
  #inARow = 0;
  constructor(readonly options: { threshold: number; history: number; patience: number }) {}

  step(norm: number, loss?: number): void {
    this.#attempts += 1;
    const { patience } = this.options;
    const spike =
      (loss !== undefined && this.#spike("lossSpike", this.#losses, loss)) ||
      this.#spike("normSpike", this.#norms, norm);
    if (!spike) {
      this.#inARow = 0;
      this.#norms.add(norm);
      if (loss !== undefined) this.#losses.add(loss);
      return;
    }
    this.#inARow += 1;
    if (this.#inARow <= patience) {
      this.spikes.push(spike);
      return;
    }
    this.#inARow = 0; // a new level
    this.#norms.empty();
    this.#losses.empty();
  }
  #spike(cause: "lossSpike" | "normSpike", window: Window, value: number): Decided | undefined {
    const { threshold, history } = this.options;
    if (window.seen < history) return undefined;
    const limit = window.limit(threshold);
    return value > limit ? { attempt: this.#attempts, cause, value, limit } : undefined;
  }
}

const decided = ({ attempt, cause, value, limit }: GuardEvent): Decided => ({ attempt, cause, value, limit });

/** Norms, log-normal, every ninth much larger, and at the end of another level. */
function norms(seed: number, count: number): number[] {
  const next = random(seed);
  return Array.from({ length: count }, (_, i) => {
    const normal = next() + next() + next() + next() - 2;
    const level = i > 0.8 * count ? 40 : 1;
    return Math.fround(level * Math.exp(normal) * (i % 9 === 8 ? 3 ** (i % 4) : 1));
  });
}

/** One weight whose gradient is given: so is the norm. */
function oneWeight(device: Device, lr: number, guard: GuardOptions, options: StepOptions = {}) {
  const [w, g] = [device.alloc("f32", [1]), device.alloc("f32", [1])];
  const sgd = new SGD([parameter("w", w, g)], { lr });
  /** Gives what the step added to the weight. */
  const step = async (gradient: number): Promise<number> => {
    const [before = 0] = await w.read();
    g.write(Float32Array.of(gradient));
    sgd.step({ ...options, guard });
    const [after = 0] = await w.read();
    return after - before;
  };
  const dispose = (): void => {
    for (const owned of [sgd, w, g]) owned.dispose();
  };
  return { sgd, step, [Symbol.dispose]: dispose };
}

onEachDevice("the guard's thresholds", (device) => {
  for (const [seed, settings] of [
    { threshold: 6, history: 1, patience: 20 },
    { threshold: 2.5, history: 10, patience: 3 },
    { threshold: 1, history: 64, patience: 1 },
  ].entries()) {
    it(`are median and MAD of the last 64 norms, to the last bit: ${JSON.stringify(settings)}`, async () => {
      using run = oneWeight(device(), 0, { ...settings, spike: "skip" });
      const judge = new Judge(settings);
      const events: GuardEvent[] = [];
      for (const [i, norm] of norms(seed + 1, 200).entries()) {
        judge.step(Math.sqrt(Math.fround(norm * norm))); // the device sums squares in f32
        await run.step(norm);
        if (i % 40 === 39) events.push(...(await run.sgd.events())); // it remembers 64
      }
      expect(judge.spikes.length).to.be.at.least(7);
      expect(events.map(decided)).to.deep.equal(judge.spikes);
    });
  }

  it("are those of losses where there is a loss, before those of norms", async () => {
    const settings = { threshold: 4, history: 5, patience: 4 };
    using w = device().from(Float32Array.of(1));
    using sgd = new SGD([parameter("w", w)], { lr: 0 });
    const guard = { ...settings, spike: "skip" } as const;
    using program = device().program({ x: f32(1), k: f32(1) }, ({ x, k }) =>
      sgd.minimize(sum(mul(mul(x, w), k)), { guard }),
    );
    const judge = new Judge(settings);
    const next = random(9);
    const events: GuardEvent[] = [];
    for (const [i, x] of norms(4, 150).entries()) {
      const k = i % 13 === 12 ? 50 : Math.fround(1 + next() / 4);
      const loss = Math.fround(x * k);
      judge.step(Math.sqrt(Math.fround(loss * loss)), loss);
      await program.run({ x: Float32Array.of(x), k: Float32Array.of(k) });
      if (i % 40 === 39) events.push(...(await sgd.events()));
    }
    events.push(...(await sgd.events()));
    expect(new Set(judge.spikes.map(({ cause }) => cause)).has("lossSpike")).to.equal(true);
    expect(events.map(decided)).to.deep.equal(judge.spikes);
  });
});

onEachDevice("what the guard does", (device) => {
  it("clips a gradient to the largest norm that would not have been a spike", async () => {
    using run = oneWeight(device(), 1, { spike: "clip", threshold: 5 });
    for (let i = 0; i < 20; i++) await run.step(1 + 0.01 * (i % 3));
    const moved = await run.step(1e4);
    const [event] = await run.sgd.events();
    expect(event).to.include({ cause: "normSpike", action: "clip", value: 1e4, lrFactor: 1, lost: 0 });
    const { limit } = event as GuardEvent;
    expect(limit).to.be.within(3.4, 3.6); // 1.01 + 5 x half of it: the spread is less than the floor
    expect(-moved).to.be.closeTo(limit, 1e-5 * limit);
    expect(await run.step(1), "and then goes on").to.be.closeTo(-1, 1e-5);
  });

  it("cannot clip a loss, so it skips", async () => {
    using w = device().from(Float32Array.of(1));
    using sgd = new SGD([parameter("w", w)], { lr: 0 });
    using program = device().program({ x: f32(1) }, ({ x }) =>
      sgd.minimize(sum(mul(x, w)), { guard: { spike: "clip" } }),
    );
    for (const x of [1, 1, 1, 1, 99]) await program.run({ x: Float32Array.of(x) });
    const [event] = await sgd.events();
    expect(event).to.include({ cause: "lossSpike", action: "skip", value: 99 });
  });

  it("backs off at once, waits ten steps before it does so again, and recovers in `recovery` steps", async () => {
    const [lr, recovery] = [0.25, 16];
    using run = oneWeight(device(), lr, { spike: "backoff", threshold: 6, factor: 0.5, recovery });
    let factor = 1;
    const good = async (what: string): Promise<void> => {
      // The factor grows after a good step, for the one after it.
      factor = Math.min(1, factor * 2 ** (1 / recovery));
      expect(await run.step(1), what).to.be.closeTo(-lr * factor, 2e-6);
    };
    for (let i = 0; i < 30; i++) await good(`step ${i}`);
    factor = 0.5;
    expect(await run.step(100), "the spike itself, at half the rate").to.be.closeTo(-lr * factor * 100, 1e-4);
    for (let i = 0; i < 4; i++) await good(`${i} after the spike`);
    expect(await run.step(100), "cooling: taken as it is").to.be.closeTo(-lr * factor * 100, 1e-4);
    for (let i = 0; i < 5; i++) await good(`${i} after the second spike`);
    factor *= 0.5;
    expect(await run.step(100), "the eleventh step").to.be.closeTo(-lr * factor * 100, 1e-4);
    for (let i = 0; i < 40; i++) await good(`${i} after the third spike`);
    expect(factor).to.equal(1);
    const events = await run.sgd.events();
    expect(events.map(({ attempt, action }) => [attempt, action])).to.deep.equal([
      [31, "backoff"],
      [36, "none"],
      [42, "backoff"],
    ]);
  });

  it("skips what is much worse than what it backed off for while it waits", async () => {
    using run = oneWeight(device(), 1, { spike: "backoff", recovery: Number.POSITIVE_INFINITY });
    for (let i = 0; i < 6; i++) await run.step(0.1);
    const moved: number[] = [];
    for (const g of [100, 1e3, 1e4, 180, 1e5, 0.1]) moved.push(await run.step(g));
    expect(moved.map((v) => 0 - Math.round(100 * v) / 100)).to.deep.equal([50, 0, 0, 90, 0, 0.05]);
    const events = await run.sgd.events();
    expect(events.map(({ attempt, action, cause }) => [attempt, action, cause])).to.deep.equal(
      ["backoff", "skip", "skip", "none", "skip"].map((action, i) => [7 + i, action, "normSpike"]),
    );
  });

  it("never recovers with Infinity", async () => {
    using run = oneWeight(device(), 1, { spike: "backoff", recovery: Number.POSITIVE_INFINITY });
    for (const g of [1, 1, 1, 100, 1, 1, 1]) await run.step(g);
    expect(await run.step(1)).to.equal(-0.5);
  });

  it("takes a level that stays for the new one after `patience` spikes", async () => {
    using run = oneWeight(device(), 1, { spike: "skip", patience: 5 });
    for (let i = 0; i < 10; i++) await run.step(1);
    const moved: number[] = [];
    for (let i = 0; i < 12; i++) moved.push(await run.step(100));
    const expected = Array.from({ length: 12 }, (_, i) => i >= 5);
    expect(moved.map((v) => v !== 0)).to.deep.equal(expected);
    expect(await run.sgd.events()).to.have.length(5);
    await run.step(1e5);
    expect(await run.sgd.events(), "above the new level").to.have.length(1);
  });

  it("tells how many decisions were lost when more than 64 were made between two looks", async () => {
    using run = oneWeight(device(), 1, {});
    for (let i = 0; i < 100; i++) await run.step(i === 0 ? 1 : Number.NaN);
    const events = await run.sgd.events();
    expect(events.map(({ attempt }) => attempt)).to.deep.equal(Array.from({ length: 64 }, (_, i) => 37 + i));
    expect(events.map(({ lost }) => lost)).to.deep.equal([35, ...new Array<number>(63).fill(0)]);
    expect(await run.sgd.events()).to.deep.equal([]);
    for (let i = 0; i < 64; i++) await run.step(Number.NaN);
    const full = await run.sgd.events();
    expect([full.length, full[0]?.lost]).to.deep.equal([64, 0]);
    await run.step(Number.NaN);
    expect((await run.sgd.events()).map(({ attempt, lost }) => [attempt, lost])).to.deep.equal([[165, 0]]);
  });
});

onEachDevice("rolling back", (device) => {
  const N = 1500;

  function adam() {
    const [w, g] = [device().from(floats(1, N)), device().alloc("f32", [N])];
    const optimizer = new Adam([parameter("w", w, g)], { lr: 0.01, average: 0.9, precision: "bf16" });
    const guard = { nan: "rollback", snapshots: 3, snapshotEvery: 2, factor: 0.5, recovery: 4 } as const;
    const step = (seed: number, bad = false): void => {
      const gradient = floats(seed, N);
      if (bad) gradient[N - 1] = Number.NaN;
      g.write(gradient);
      optimizer.step({ guard });
    };
    const dispose = (): void => {
      for (const owned of [optimizer, w, g]) owned.dispose();
    };
    return { w, optimizer, step, [Symbol.dispose]: dispose };
  }
  type Run = ReturnType<typeof adam>;

  /** All that a snapshot holds. */
  const look = async ({ w, optimizer }: Run) => {
    const { parameters, running } = await optimizer.state();
    return { w: await w.read(), parameters, running };
  };

  it("goes to the newest snapshot, then to those before it, and stays with the oldest: the same bits", async () => {
    using run = adam();
    const before: unknown[] = [];
    for (let i = 0; i < 12; i++) {
      before.push(await look(run)); // a snapshot is of the time before its step
      run.step(10 + i);
    }
    // Saved at steps 0, 3, 6, 9: with two good steps between them; the ring has the last three.
    for (const saved of [9, 6, 3, 3, 3]) {
      run.step(99, true);
      expect(await look(run), `snapshot of step ${saved}`).to.deep.equal(before[saved]);
    }
    const events = await run.optimizer.events();
    expect(events.map(({ action, lrFactor }) => [action, lrFactor])).to.deep.equal(
      [1, 2, 3, 4, 5].map((n) => ["rollback", 0.5 ** n]),
    );
    expect(run.optimizer.stepCount).to.equal(17);
  });

  it("finds its snapshots again after steps that were tried and taken back", async () => {
    using run = adam();
    const before: unknown[] = [];
    for (let i = 0; i < 8; i++) {
      before.push(await look(run));
      run.step(10 + i);
    }
    using kept = run.optimizer.keep();
    for (let i = 0; i < 8; i++) run.step(50 + i); // they save into the same slots
    kept.restore();
    for (const saved of [6, 3, 0]) {
      run.step(99, true);
      expect(await look(run), `snapshot of step ${saved}`).to.deep.equal(before[saved]);
    }
  });

  it("keeps no snapshots of what each step makes anew", async () => {
    const bytes = (make: (p: readonly Parameter[]) => Optimizer): number => {
      using w = device().from(floats(1, 64), [8, 8]);
      using g = device().alloc("f32", [8, 8]);
      using optimizer = make([parameter("w", w, g)]);
      optimizer.step({ guard: { nan: "rollback" } });
      return optimizer.bytes.snapshots;
    };
    expect(bytes((p) => new Muon(p))).to.equal(bytes((p) => new SGD(p, { momentum: 0.9 })));
  });

  it("goes on from a snapshot as a run that was loaded from it, and saves anew", async () => {
    using run = adam();
    let kept: { w: Float32Array; state: OptimizerState } | undefined;
    for (let i = 0; i < 5; i++) {
      if (i === 3) kept = { w: await run.w.read(), state: await run.optimizer.state() };
      run.step(20 + i);
    }
    run.step(99, true);
    const { w, state } = kept as NonNullable<typeof kept>;
    using loaded = adam();
    loaded.w.write(w);
    // What the guard and the seed of the rounding know goes on: the attempts, and half the learning rate.
    loaded.optimizer.load({ ...state, guard: (await run.optimizer.state()).guard });
    for (const of of [run, loaded]) for (let i = 0; i < 2; i++) of.step(30 + i);
    const saved = await look(run);
    expect(saved).to.deep.equal(await look(loaded));
    run.step(40); // before the third good step since then
    run.step(99, true);
    expect((await look(run)).w, "the snapshot made since").to.deep.equal(saved.w);
  });

  it("skips before there is a snapshot", async () => {
    using run = adam();
    const before = await look(run);
    run.step(1, true);
    expect(await look(run)).to.deep.equal(before);
    const [event] = await run.optimizer.events();
    expect(event).to.include({ action: "skip", cause: "nonFiniteGradient", limit: Number.POSITIVE_INFINITY });
  });
});
