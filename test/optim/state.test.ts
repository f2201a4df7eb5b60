// State by name: independent of order, grouping and precision, and errors that say what does not fit.

import { expect } from "chai";
import {
  AdaGrad,
  Adam,
  AdamW,
  Device,
  type Optimizer,
  type OptimizerState,
  type Parameter,
  type Precision,
  parameter,
  SGD,
} from "../../lib/index.js";
import { deviceNames, onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { floats } from "../support/numbers.js";
import { construct } from "./variants.js";

const SIZES: Readonly<Record<string, number>> = { a: 300, b: 5, constructor: 17 };
const NAMES = Object.keys(SIZES);

/** Parameters of these names, all in one block of memory or each in its own, with the values that their names have. */
function make(device: Device, names: readonly string[], together: boolean): Parameter[] {
  const lengths = names.map((name) => SIZES[name] ?? 0);
  const total = lengths.reduce((a, b) => a + b, 0);
  const [values, grads] = [device.alloc("f32", [total]), device.alloc("f32", [total])];
  let end = 0;
  return names.map((name, i) => {
    const length = lengths[i] as number;
    end += length;
    const value = together ? values.view(end - length, [length]) : device.alloc("f32", [length]);
    value.write(floats(NAMES.indexOf(name), length));
    const grad = together ? grads.view(end - length, [length]) : device.alloc("f32", [length]);
    return parameter(name, value, grad);
  });
}

/** Steps whose gradients depend on name and number of the step alone. */
function step(parameters: readonly Parameter[], optimizer: Optimizer, numbers: readonly number[]): void {
  for (const number of numbers) {
    for (const { name, value, grad } of parameters)
      grad?.write(floats(1000 * NAMES.indexOf(name) + number, value.length));
    optimizer.step();
  }
}

async function valuesOf(parameters: readonly Parameter[]): Promise<Record<string, Float32Array>> {
  const entries = parameters.map(
    async ({ name, value }) => [name, (await value.read()) as Float32Array] as const,
  );
  const read = await Promise.all(entries);
  return Object.fromEntries(read.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function copy(from: Readonly<Record<string, Float32Array>>, to: readonly Parameter[]): void {
  for (const { name, value } of to) value.write(from[name] as Float32Array);
}

const groups = (...first: string[]): { groups: { match: (name: string) => boolean; lr?: number }[] } => ({
  groups: [{ match: (name) => first.includes(name), lr: 0.5 }],
});

onEachDevice("state of optimizers", (device) => {
  it("goes by name, whatever the order of the parameters and their place in memory", async () => {
    const options = { lr: 0.01, average: 0.9 };
    const parameters = make(device(), NAMES, true);
    using one = new AdamW(parameters, options);
    step(parameters, one, [1, 2, 3]);
    const state = await one.state();
    expect(state.rule).to.equal("adam");
    expect(state.groups).to.deep.equal([NAMES]);

    const permuted = make(device(), [...NAMES].reverse(), false);
    copy(await valuesOf(parameters), permuted);
    using two = new AdamW(permuted, options);
    expect(two.load(state)).to.deep.equal({ missing: [], unexpected: [] });
    step(parameters, one, [4, 5]);
    step(permuted, two, [4, 5]);
    expect(await valuesOf(permuted)).to.deep.equal(await valuesOf(parameters));
    const [a, b] = [await one.state(), await two.state()];
    expect(b.parameters).to.deep.equal(a.parameters);
    expect(b.running).to.deep.equal(a.running);
  });

  it("is a moment: a step that is taken while it is read does not show", async () => {
    const parameters = make(device(), NAMES, true);
    using sgd = new SGD(parameters, { momentum: 0.9 });
    const reading = sgd.state();
    step(parameters, sgd, [1]);
    const { step: steps, parameters: states } = await reading;
    expect(steps).to.equal(0);
    expect(states.b?.momentum_buffer).to.deep.equal(new Float32Array(5));
  });

  it("maps groups by name: lr and running scalars of each, in any order", async () => {
    const parameters = make(device(), NAMES, true);
    using one = new AdamW(parameters, { lr: 0.1, ...groups("b") });
    step(parameters, one, [1, 2]);
    const state = await one.state();
    expect(state.groups).to.deep.equal([["b"], ["a", "constructor"]]);
    using two = new AdamW(make(device(), NAMES, false), { lr: 7, ...groups("constructor", "a") });
    two.load({ ...state, running: [[2, 0.81, 0.5], state.running[1] ?? []] });
    expect(two.groups.map(({ lr }) => lr)).to.deep.equal([0.1, 0.5]);
    expect((await two.state()).running).to.deep.equal([state.running[1], [2, 0.81, 0.5]]);
  });

  it("maps another grouping if the steps are the same, and refuses it if they are not", async () => {
    const parameters = make(device(), NAMES, true);
    using one = new AdamW(parameters, { lr: 0.1, ...groups("b") });
    step(parameters, one, [1, 2]);
    const state = await one.state();

    using joined = new AdamW(make(device(), NAMES, true), { lr: 0.3 });
    joined.load(state);
    expect(joined.groups[0]?.lr, "of another grouping").to.equal(0.3);
    expect((await joined.state()).running).to.deep.equal([state.running[0]]);

    using split = new AdamW(make(device(), NAMES, true), groups("a"));
    split.load(await joined.state());
    expect(split.groups.map(({ lr }) => lr)).to.deep.equal([0.5, 0.001]);
    expect((await split.state()).running).to.deep.equal(state.running);

    const before = await joined.state();
    await expectError(
      "ADASTEP_ARGUMENT",
      /AdamW\.load: groups\[0\].*"b" and "a" are in groups with unequal running scalars/,
      () => joined.load({ ...state, running: [[3, 0.7, 0.9], state.running[1] ?? []] }),
    );
    expect(await joined.state()).to.deep.equal(before);
  });

  it("is strict about names, and says what they are", async () => {
    const parameters = make(device(), NAMES, true);
    using one = new AdamW(parameters, { lr: 0.1 });
    step(parameters, one, [1, 2]);
    const state = await one.state();
    const { b, ...rest } = state.parameters;
    const bad: [unknown, RegExp][] = [
      [{ ...state, parameters: rest }, /AdamW\.load: 'b\.exp_avg'.*without b\.exp_avg, b\.exp_avg_sq/],
      [{ ...state, parameters: { ...rest, b: { exp_avg: b?.exp_avg } } }, /without b\.exp_avg_sq,/],
      [
        { ...state, parameters: { ...rest, b: { ...b, sum: new Float32Array(5) } } },
        /with b\.sum.*accepted: a\.exp_avg/,
      ],
      [
        {
          ...state,
          groups: [[...NAMES, "c"]],
          parameters: { ...rest, b, c: { exp_avg: new Float32Array(1) } },
        },
        /'c\.exp_avg'/,
      ],
      [{ ...state, groups: [["a", "b"]] }, /'groups'.*no group with "constructor"/],
      [{ ...state, rule: "amsgrad" }, /'rule'.*"amsgrad".*"adam"/],
      [{ ...state, step: "5" }, /'step'.*"5"/],
      [{ ...state, lr: ["x"] }, /'lr'/],
      [{ ...state, lr: [1, 2] }, /'state'/],
      [{ ...state, running: [[0, 1]] }, /'running'.*3 numbers/],
      [{ ...state, running: [[0, 1, Number.NaN]] }, /'running'.*NaN/],
      [{ ...state, running: [[-1, 0.5, 0.5]] }, /'running', the steps of a group.*-1/],
      [{ ...state, guard: [1] }, /'guard'/],
      [{ ...state, guard: state.guard.with(1, 0.5) }, /'guard', accepted: .*0\.5/],
      [{ ...state, guard: state.guard.with(2, Number.NaN) }, /'guard', lrFactor.*NaN/],
      [{ ...state, guard: state.guard.with(3, -1) }, /'guard', lossScale.*-1/],
      [undefined, /'state'.*undefined/],
      [{ ...state, parameters: { ...rest, b: 5 } }, /'b'.*5/],
    ];
    for (const [given, pattern] of bad)
      await expectError("ADASTEP_ARGUMENT", pattern, () => one.load(given as never));
    await expectError("ADASTEP_ARGUMENT", /'strict'/, () => one.load(state, { strict: 1 } as never));
    for (const [exp_avg, pattern] of [
      [new Float32Array(4), /'b\.exp_avg'.*4 elements.*5 elements/],
      [[1, 2, 3, 4, 5], /'b\.exp_avg'/],
    ] as const) {
      const given = { ...state, parameters: { ...rest, b: { ...b, exp_avg } } };
      for (const strict of [true, false])
        await expectError("ADASTEP_SHAPE", pattern, () => one.load(given as never, { strict }));
    }
    expect(await one.state(), "as it was").to.deep.equal(state);
  });

  it("rejects once where it cannot be read: nothing is left that nobody waits for", async () => {
    const parameters = make(device(), NAMES, true);
    const one = new Adam(parameters);
    one.step({ guard: { spike: "rollback" }, watch: 1 });
    await device().sync();
    one.dispose();
    // An unhandled rejection, of what was begun beside the first that fails, fails the run of the tests.
    for (const read of [
      () => one.state(),
      () => one.telemetry(),
      () => one.snapshots.read(2),
      () => one.events(),
    ])
      await expectError("ADASTEP_DISPOSED", /dispose/, read);
    await new Promise((done) => setTimeout(done, 20));
  });

  it("takes what there is if it is not strict, and starts anew what is missing", async () => {
    const source = make(device(), ["a", "b"], true);
    using one = new Adam(source, { lr: 0.1 });
    step(source, one, [1, 2]);
    const state = await one.state();

    const parameters = make(device(), ["b", "constructor"], true);
    using two = construct("Adam", parameters, { lr: 0.2, average: 0.5 });
    step(parameters, two, [1]);
    const missing = ["b.average", "constructor.exp_avg", "constructor.exp_avg_sq", "constructor.average"];
    const unexpected = ["a.exp_avg", "a.exp_avg_sq"];
    expect(two.load(state, { strict: false })).to.deep.equal({ missing, unexpected });
    const after = await two.state();
    expect(after.step).to.equal(2);
    expect(after.parameters).to.deep.equal({
      b: { ...state.parameters.b, average: await parameters[0]?.value.read() },
      constructor: {
        exp_avg: new Float32Array(17),
        exp_avg_sq: new Float32Array(17),
        average: await parameters[1]?.value.read(),
      },
    });
    using sgd = new SGD(parameters);
    const plain = { ...(await sgd.state()), groups: [["b", "x"]], parameters: { b: {}, x: {} } };
    expect(sgd.load(plain, { strict: false })).to.deep.equal({ missing: [], unexpected: ["x"] });
  });

  it("starts each group from its own, also what a state lacks", async () => {
    const starts = { a: 4, b: 0, constructor: 0.1 };
    for (const precision of ["f32", "bf16", "u8"] as const) {
      const parameters = make(device(), NAMES, true);
      using adagrad = new AdaGrad(parameters, {
        precision,
        groups: [
          { match: (name) => name === "a", initialAccumulatorValue: 4 },
          { match: (name) => name === "constructor", semantics: "keras" },
        ],
      });
      const state = await adagrad.state();
      const check = ({ parameters }: OptimizerState): void => {
        for (const [name, start] of Object.entries(starts))
          for (const value of parameters[name]?.sum ?? []) expect(value, name).to.be.closeTo(start, 4e-4); // bf16
      };
      check(state);
      step(parameters, adagrad, [1, 2]);
      adagrad.load({ ...state, parameters: { a: {}, b: {}, constructor: {} } }, { strict: false });
      check(await adagrad.state());
    }
  });

  it("keeps what the guard decided, infinities too", async () => {
    const parameters = make(device(), NAMES, true);
    using one = new SGD(parameters, { lr: 0.1 });
    parameters[0]?.grad?.fill(Number.POSITIVE_INFINITY);
    one.step({ guard: {} });
    const state = await one.state();
    expect(await one.events()).to.have.length(1);
    using two = new SGD(parameters, { lr: 0.1 });
    two.load(state);
    expect((await two.state()).guard).to.deep.equal(state.guard);
    expect(await two.events(), "what was decided before").to.deep.equal([]);
  });

  it("moves between precisions: f32 to the nearest, and back and forth without a loss", async () => {
    const make1 = (precision: Precision) => construct("Adam", make(device(), NAMES, true), { precision });
    const parameters = make(device(), NAMES, true);
    using exact = new Adam(parameters, { lr: 0.1 });
    step(parameters, exact, [1, 2, 3]);
    const state = await exact.state();
    for (const precision of ["bf16", "u8"] as const) {
      using low = make1(precision);
      low.load(state);
      const rounded = await low.state();
      const [a, b] = [rounded.parameters.a?.exp_avg, state.parameters.a?.exp_avg];
      const largest = Math.max(...(b ?? []).map(Math.abs));
      const unit = precision === "bf16" ? 2 ** -8 : 2 ** -4;
      a?.forEach((value, i) => {
        const allowed = unit * Math.max(Math.abs(b?.[i] ?? 0), precision === "u8" ? largest * 2 ** -14 : 0);
        expect(value).to.be.closeTo(b?.[i] as number, allowed);
      });
      using full = make1("f32");
      full.load(rounded);
      using again = make1(precision);
      again.load(await full.state());
      expect(await again.state()).to.deep.equal(rounded);

      const [ours, theirs] = [low, again].map((o) => o.groups.flatMap(({ params }) => params));
      step(ours ?? [], low, [4, 5]);
      step(theirs ?? [], again, [4, 5]);
      expect(await again.state(), "and goes on alike").to.deep.equal(await low.state());
      expect(await valuesOf(theirs ?? [])).to.deep.equal(await valuesOf(ours ?? []));
    }
  });
});

describe("state of optimizers, between devices", () => {
  const other = deviceNames.find((name) => name !== "cpu");
  it(`${other ?? "(needs a GPU, real or emulated)"} and cpu`, async function () {
    if (other === undefined) return this.skip();
    using gpu = await Device.open(other);
    using cpu = await Device.open("cpu");
    const options = { lr: 0.01, average: 0.9, amsgrad: true };
    const run = async (devices: readonly Device[]): Promise<unknown> => {
      let values: Readonly<Record<string, Float32Array>> | undefined;
      let state: Awaited<ReturnType<Optimizer["state"]>> | undefined;
      for (const [i, device] of devices.entries()) {
        const parameters = make(device, NAMES, true);
        if (values) copy(values, parameters);
        using optimizer = new AdamW(parameters, options);
        if (state) optimizer.load(state);
        step(parameters, optimizer, [3 * i, 3 * i + 1, 3 * i + 2]);
        [values, state] = [await valuesOf(parameters), await optimizer.state()];
      }
      return [values, state];
    };
    expect(await run([cpu, gpu, cpu])).to.deep.equal(await run([cpu, cpu, cpu]));
  });
});
