// Schedules against PyTorch's (test/golden, made by make_schedules.py), and what holds for every schedule.

import { readFileSync } from "node:fs";
import { expect } from "chai";
import fc from "fast-check";
import * as adastep from "../../lib/index.js";
import {
  constantSchedule,
  cosine,
  cosineRestarts,
  customSchedule,
  cyclic,
  exponentialSchedule,
  inverseSqrt,
  linearSchedule,
  multiStepSchedule,
  oneCycle,
  type PlateauOptions,
  plateau,
  polynomialSchedule,
  type Schedule,
  stepSchedule,
  warmup,
  warmupStableDecay,
} from "../../lib/index.js";
import { expectError } from "../support/errors.js";

interface Golden {
  readonly cases: readonly {
    readonly name: string;
    /** In this order, one after the other. */
    readonly parts: readonly {
      readonly schedule: string;
      readonly argument: unknown;
      readonly until?: number;
    }[];
    readonly factors: readonly number[];
  }[];
  readonly plateaus: readonly {
    readonly name: string;
    readonly options: PlateauOptions;
    /** null is NaN. */
    readonly metrics: readonly (number | null)[];
    readonly factors: readonly number[];
  }[];
}

const golden: Golden = JSON.parse(readFileSync(new URL("../golden/schedules.json", import.meta.url), "utf8"));
const makers = adastep as unknown as Record<string, (argument: unknown) => Schedule>;

function makeParts(parts: Golden["cases"][number]["parts"]): Schedule {
  return parts
    .map(({ schedule, argument, until }) => {
      const made = makers[schedule]?.(argument);
      if (!made) throw new Error(`no schedule is named ${schedule}`);
      return until === undefined ? made : made.until(until);
    })
    .reduce((all, next) => all.then(next));
}

function expectClose(actual: number, expected: number | undefined, what: string, rounding = 0): void {
  if (expected === undefined) throw new Error(`no factor for ${what}`);
  expect(actual, what).to.be.closeTo(expected, 1e-12 * Math.abs(expected) + rounding);
}

/** PyTorch gets some small factors as differences of numbers near 1, with the rounding of those. */
const ROUNDING = 2 ** -53;

describe("schedules", () => {
  describe("follow PyTorch", () => {
    for (const { name, parts, factors } of golden.cases) {
      it(name, () => {
        const schedule = makeParts(parts);
        factors.forEach((factor, step) => {
          expectClose(schedule(step), factor, `step ${step}`, ROUNDING);
        });
      });
    }
    for (const { name, options, metrics, factors } of golden.plateaus) {
      it(`ReduceLROnPlateau, ${name}`, () => {
        const schedule = plateau(options);
        metrics.forEach((metric, i) => {
          const factor = schedule.report(metric ?? Number.NaN);
          expectClose(factor, factors[i], `report ${i}`);
          expect(schedule(i)).to.equal(factor);
        });
      });
    }
  });

  describe("are, whatever their options,", () => {
    const factor = fc.double({ min: 0, max: 2, noNaN: true });
    const gamma = fc.double({ min: 1e-3, max: 1, noNaN: true });
    const steps = fc.integer({ min: 1, max: 1e6 });
    const few = fc.integer({ min: 1, max: 40 });
    const anyStep = fc.oneof(fc.nat(100), fc.nat(2 ** 31));
    const ending: fc.Arbitrary<Schedule> = fc.oneof(
      fc.record({ steps, from: factor, to: factor }).map(linearSchedule),
      fc
        .record({ steps, power: fc.double({ min: 1e-3, max: 9, noNaN: true }), to: factor })
        .map(polynomialSchedule),
      steps.map(warmup),
      fc.record({ steps, to: factor }).map(cosine),
      fc.record({ steps: few, gamma: fc.double({ min: 1, max: 1e6, noNaN: true }) }).map(exponentialSchedule),
      fc
        .record({
          steps,
          pctStart: fc.double({ min: 0, max: 0.5, noNaN: true }),
          divFactor: fc.double({ min: 1, max: 1e3, noNaN: true }),
          finalDivFactor: fc.double({ min: 1, max: 1e6, noNaN: true }),
          anneal: fc.constantFrom("cosine", "linear"),
          threePhase: fc.boolean(),
        })
        .map(oneCycle),
      fc
        .record({
          rise: fc.nat(40),
          stable: fc.nat(40),
          decay: few,
          to: factor,
          shape: fc.constantFrom("linear", "cosine", "1-sqrt"),
        })
        .map(({ rise, stable, decay, to, shape }) =>
          warmupStableDecay({ steps: rise + stable + decay, warmup: rise, decay, to, shape }),
        ),
    );
    const unending: fc.Arbitrary<Schedule> = fc.oneof(
      factor.map(constantSchedule),
      fc.record({ stepSize: steps, gamma }).map(stepSchedule),
      fc
        .record({ milestones: fc.uniqueArray(steps).map((all) => all.sort((a, b) => a - b)), gamma })
        .map(multiStepSchedule),
      fc.record({ gamma }).map(exponentialSchedule),
      fc.record({ t0: steps, tMult: few, to: factor }).map(cosineRestarts),
      fc
        .record({
          from: factor,
          stepSizeUp: few,
          stepSizeDown: few,
          mode: fc.constantFrom("triangular", "triangular2", "expRange"),
          gamma,
        })
        .map(cyclic),
      steps.map((n) => inverseSqrt({ warmup: n })),
      fc.array(fc.double()).map((metrics) => {
        const schedule = plateau({ patience: 1 });
        for (const metric of metrics) schedule.report(metric);
        return schedule;
      }),
    );
    const cut = fc.tuple(unending, fc.nat(100)).map(([schedule, end]) => schedule.until(end));
    const endingOrCut = fc.oneof(ending, cut);
    const every = fc.oneof(ending, unending, cut);

    it("finite and 0 or more at any step, and the same each time", () => {
      fc.assert(
        fc.property(every, fc.array(anyStep, { minLength: 1 }), (schedule, at) => {
          const first = at.map((step) => schedule(step));
          for (const value of first) expect(Number.isFinite(value) && value >= 0, `${value}`).to.equal(true);
          const again = [...at].reverse().map((step) => schedule(step));
          expect(again.reverse()).to.deep.equal(first);
        }),
      );
    });

    it("past their end as they are at it", () => {
      fc.assert(
        fc.property(endingOrCut, anyStep, (schedule, past) => {
          expect(schedule(schedule.steps + past)).to.equal(schedule(schedule.steps));
        }),
      );
    });

    it("put after one another, in whatever order that is done", () => {
      fc.assert(
        fc.property(endingOrCut, endingOrCut, every, anyStep, (a, b, c, step) => {
          const [left, right] = [a.then(b).then(c), a.then(b.then(c))];
          expect(left.steps).to.equal(right.steps);
          const ends = [a.steps, a.steps + b.steps];
          for (const at of [step, ...ends, ...ends.map((end) => Math.max(0, end - 1))]) {
            expect(left(at), `step ${at}`).to.equal(right(at));
          }
          expect(left(a.steps + b.steps + step)).to.equal(c(step));
        }),
      );
    });

    it("cut short or held by until", () => {
      fc.assert(
        fc.property(every, fc.nat(100), anyStep, (schedule, end, step) => {
          const until = schedule.until(end);
          expect(until.steps).to.equal(end);
          expect(until(step)).to.equal(schedule(Math.min(step, end)));
        }),
      );
    });
  });

  it("take the values of their formulas", () => {
    expect(constantSchedule()(0)).to.equal(1);
    expect([0, 1, 2, 3, 9].map(warmup(4))).to.deep.equal([0.25, 0.5, 0.75, 1, 1]);
    const both = warmup(2)
      .then(cosine({ steps: 2, to: 0.1 }))
      .then(constantSchedule(0.01));
    expect([0, 1, 2, 3, 4, 100].map((step) => both(step))).to.deep.equal([0.5, 1, 1, 0.55, 0.01, 0.01]);
    const own = warmup(2).then(customSchedule((step) => 1 / (1 + step)));
    expect([0, 1, 2, 3, 4].map((step) => own(step))).to.deep.equal([0.5, 1, 1, 1 / 2, 1 / 3]);
    expect(cosine({ steps: 3, to: 0.1 })(3), "exact at the end").to.equal(0.1);
    expect(cyclic({ from: 0 })(2000), "the default step size").to.equal(1);
    expect(cyclic({ from: 0 })(4000)).to.equal(0);
    expect(oneCycle({ steps: 10, divFactor: 4, finalDivFactor: 2 })(9)).to.equal(0.125);
    expect(oneCycle({ steps: 10, divFactor: 4, finalDivFactor: 2 })(10)).to.equal(0.125);
    expect(oneCycle({ steps: 10, pctStart: 0.1 })(0), "a rise of no steps").to.equal(1);
    // Cycles that end where a logarithm of the step would be a rounding error off
    const cycles = cosineRestarts({ t0: 10, tMult: 10 });
    for (const start of [10, 110, 1110, 11_110, 111_110]) expect(cycles(start)).to.equal(1);
    expect(cosineRestarts({ t0: 2 })(2 ** 52 + 1), "at once, however many cycles ago").to.be.closeTo(
      0.5,
      1e-15,
    );
  });

  it("name the option that is wrong", async () => {
    const wrong: [RegExp, () => unknown][] = [
      [/schedule: 'step': got 0\.5/, () => warmup(2)(0.5)],
      [/schedule: 'step': got -1/, () => constantSchedule()(-1)],
      [/schedule\.then: 'next'/, () => warmup(2).then(((step: number) => step) as never)],
      [/schedule\.then: .*never ends.*until/, () => constantSchedule().then(warmup(2))],
      [/schedule\.until: 'steps'.*-1/, () => warmup(2).until(-1)],
      [/customSchedule: 'factor'.*3/, () => customSchedule(3 as never)],
      [/customSchedule: the factor at step 7: got NaN/, () => customSchedule(() => Number.NaN)(7)],
      [/constantSchedule: 'factor'.*-1/, () => constantSchedule(-1)],
      [/linearSchedule: 'steps'.*undefined/, () => linearSchedule({} as never)],
      [/linearSchedule: 'from'.*-1/, () => linearSchedule({ steps: 1, from: -1 })],
      [/linearSchedule: 'to'.*null/, () => linearSchedule({ steps: 1, to: null as never })],
      [/polynomialSchedule: 'power'.*0/, () => polynomialSchedule({ steps: 1, power: 0 })],
      [/stepSchedule: 'stepSize'.*0/, () => stepSchedule({ stepSize: 0 })],
      [/stepSchedule: 'gamma'.*1\.5/, () => stepSchedule({ stepSize: 1, gamma: 1.5 })],
      [/multiStepSchedule: 'milestones'.*3/, () => multiStepSchedule({ milestones: 3 as never })],
      [/'milestones'\[1\].*5.*6 or more/, () => multiStepSchedule({ milestones: [5, 5] })],
      [/exponentialSchedule: 'gamma'.*1\.1.*'steps'/, () => exponentialSchedule({ gamma: 1.1 })],
      [/exponentialSchedule: 'gamma'/, () => exponentialSchedule({ gamma: 2, steps: 1025 })],
      [/exponentialSchedule: 'steps'.*"9"/, () => exponentialSchedule({ gamma: 1, steps: "9" as never })],
      [/warmup: 'steps'.*0/, () => warmup(0)],
      [/inverseSqrt: 'warmup'.*0/, () => inverseSqrt({ warmup: 0 })],
      [/'warmup' \+ 'decay'.*4 \+ 7.*10/, () => warmupStableDecay({ steps: 10, warmup: 4, decay: 7 })],
      [/'shape'.*"1-sqrt"/, () => warmupStableDecay({ steps: 3, warmup: 1, decay: 1, shape: "x" as never })],
      [/cosine: 'steps'.*1\.5/, () => cosine({ steps: 1.5 })],
      [/cosine: option.*"from"/, () => cosine({ steps: 1, from: 0 } as never)],
      [/cosineRestarts: 'tMult'.*1\.5/, () => cosineRestarts({ t0: 1, tMult: 1.5 })],
      [/cyclic: 'from'.*undefined/, () => cyclic({} as never)],
      [/cyclic: 'mode'.*"exp_range"/, () => cyclic({ from: 0, mode: "exp_range" as never })],
      [/oneCycle: 'pctStart'.*0\.6.*0\.5/, () => oneCycle({ steps: 9, threePhase: true, pctStart: 0.6 })],
      [/oneCycle: 'divFactor'.*0/, () => oneCycle({ steps: 9, divFactor: 0 })],
      [/oneCycle: 'anneal'.*"cos"/, () => oneCycle({ steps: 9, anneal: "cos" as never })],
      [/plateau: 'factor'.*1/, () => plateau({ factor: 1 })],
      [/plateau: 'to'.*2/, () => plateau({ to: 2 })],
      [/plateau: option.*"min_lr"/, () => plateau({ min_lr: 0 } as never)],
      [/plateau\.report: 'metric'.*"1"/, () => plateau().report("1" as never)],
    ];
    for (const [pattern, action] of wrong) await expectError("ADASTEP_ARGUMENT", pattern, action);
  });
});

describe("plateau", () => {
  const metrics = Array.from({ length: 40 }, (_, i) => Math.max(0.2, 1 / (1 + i)) + (i % 3) * 1e-3);

  it("continues from its state, which survives JSON", () => {
    const options = { patience: 1, cooldown: 2, factor: 0.5 };
    for (let stop = 0; stop < metrics.length; stop++) {
      const whole = plateau(options);
      const [one, two] = [plateau(options), plateau(options)];
      for (const metric of metrics.slice(0, stop)) expect(one.report(metric)).to.equal(whole.report(metric));
      two.load(JSON.parse(JSON.stringify(one.state())));
      expect(two(stop)).to.equal(one(stop));
      for (const metric of metrics.slice(stop)) expect(two.report(metric)).to.equal(whole.report(metric));
      expect(two.state()).to.deep.equal(whole.state());
    }
  });

  it("works inside other schedules", () => {
    const rule = plateau({ patience: 0, factor: 0.5 });
    const schedule = warmup(4).then(rule.until(10)).then(constantSchedule(0.01));
    expect([3, 5, 14].map((step) => schedule(step))).to.deep.equal([1, 1, 0.01]);
    rule.report(1);
    rule.report(1);
    expect([0, 5, 14].map((step) => schedule(step))).to.deep.equal([0.25, 0.5, 0.01]);
  });

  it("measures a relative threshold by the size of a negative metric", () => {
    const rule = plateau({ patience: 0, factor: 0.5, threshold: 0.1 });
    expect([-1, -1.05, -1.2].map((metric) => rule.report(metric))).to.deep.equal([1, 0.5, 0.5]);
    expect(rule.state().best).to.equal(-1.2);
  });

  it("takes nothing that is not finite for the best", () => {
    const rule = plateau({ mode: "max", patience: 0, factor: 0.5 });
    expect(rule.report(Number.POSITIVE_INFINITY)).to.equal(0.5);
    expect(rule.state().best).to.equal(null);
    expect(rule.report(-1)).to.equal(0.5);
  });

  it("refuses a state that is none, and keeps its own", async () => {
    const rule = plateau();
    rule.report(3);
    const state = rule.state();
    await expectError("ADASTEP_ARGUMENT", /plateau\.load: options/, () => rule.load(null as never));
    await expectError("ADASTEP_ARGUMENT", /'factor'.*2/, () => rule.load({ ...state, factor: 2 }));
    await expectError("ADASTEP_ARGUMENT", /'best'.*"3"/, () => rule.load({ ...state, best: "3" as never }));
    await expectError("ADASTEP_ARGUMENT", /'badReports'.*-1/, () => rule.load({ ...state, badReports: -1 }));
    await expectError("ADASTEP_ARGUMENT", /'cooldown'.*0\.5/, () => rule.load({ ...state, cooldown: 0.5 }));
    await expectError("ADASTEP_ARGUMENT", /"step"/, () => rule.load({ ...state, step: 1 } as never));
    expect(rule.state()).to.deep.equal(state);
  });
});
