// Steps on sparse tables in parts: the lists of rows that the parts leave are the list of one batch of all examples.

import { expect } from "chai";
import {
  AdaGrad,
  Adam,
  AdamW,
  add,
  type Device,
  embedding,
  embeddingBag,
  f32,
  i32,
  LAMB,
  type Optimizer,
  Parameter,
  reshape,
  ScheduleFreeAdamW,
  SGD,
  type StepOptions,
  sub,
  sumOfSquares,
  type Tensor,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { distance, floats, random } from "../support/numbers.js";

const [WORDS, WIDTH, LENGTH] = [11, 4, 3];
/** Examples of the parts of each step: of full ones, of one that ends with a smaller part, of shorter ones, and of one alone. */
const STEPS = [[4, 4, 4], [4, 4, 4], [4, 4, 2], [4, 1], [4, 4, 4], [3]];

/** Of n examples: x i32 [n, LENGTH], weights f32 of that shape, offsets i32 [n], y f32 [n, WIDTH]. */
type Inputs = Readonly<Record<"x" | "weights" | "offsets" | "y", Tensor>>;
type Batch = ReturnType<typeof batchOf>;
/** What a table gives for examples, less y. */
type Lookup = (table: Parameter, inputs: Inputs) => Tensor;

const rows: Lookup = (table, { x, y }) => sub(embedding(table, x), reshape(y, [-1, 1, WIDTH]));
const bags: Lookup = (table, { x, weights, y }) => sub(embeddingBag(table, x, { mode: "sum", weights }), y);
const means: Lookup = (table, { x, y }) => sub(embeddingBag(table, x), y);
/** Bags of many lengths. */
const offsets: Lookup = (table, { x, weights, offsets, y }) => {
  const [indices, factors] = [x, weights].map((tensor) => reshape(tensor, [x.length])) as [Tensor, Tensor];
  return sub(embeddingBag(table, indices, { mode: "sum", weights: factors, offsets }), y);
};
const twice: Lookup = (table, inputs) => add(offsets(table, inputs), means(table, inputs));

function batchOf(examples: number, next: () => number) {
  const upTo = (n: number): number => Math.floor(n * next());
  const begins = Array.from({ length: examples - 1 }, () => upTo(examples * LENGTH)).sort((a, b) => a - b);
  return {
    x: Int32Array.from({ length: examples * LENGTH }, () => upTo(WORDS) % 8), // words 8 to 10 are never in use
    weights: Float32Array.from({ length: examples * LENGTH }, () => next() + 0.5),
    offsets: Int32Array.of(0, ...begins),
    y: Float32Array.from({ length: examples * WIDTH }, () => 2 * next() - 1),
  };
}

/** All examples in one batch. */
function together(parts: readonly Batch[]): Batch {
  let before = 0;
  const shifted = parts.map(({ x, offsets }) => {
    const own = offsets.map((offset) => offset + before);
    before += x.length;
    return own;
  });
  return {
    x: Int32Array.from(parts.flatMap(({ x }) => [...x])),
    weights: Float32Array.from(parts.flatMap(({ weights }) => [...weights])),
    offsets: Int32Array.from(shifted.flatMap((own) => [...own])),
    y: Float32Array.from(parts.flatMap(({ y }) => [...y])),
  };
}

interface Setting {
  readonly lookup: Lookup;
  readonly make: (parameters: readonly Parameter[]) => Optimizer;
  readonly options?: StepOptions;
  /** Whether the table's gradient is a list of rows. Default true. */
  readonly sparse?: boolean;
  /** Parts that room is made for. Default 3, as many as there are. */
  readonly room?: number;
  /** Changes the parts of a step. */
  readonly spoil?: (parts: readonly Batch[], step: number) => void;
}

/** All that a training leaves, and the norms and losses of its steps. */
async function train(device: Device, inParts: boolean, setting: Setting) {
  const { lookup, make, options = {}, sparse = true, room = 3, spoil } = setting;
  using value = device.from(floats(5, WORDS * WIDTH), [WORDS, WIDTH]);
  const table = new Parameter("table", value, undefined, sparse);
  using optimizer = make([table]);
  using parts = optimizer.parts(room);
  const programs = new Map<string, ReturnType<typeof record>>();
  const record = (n: number, place: "whole" | "first" | "middle" | "last") =>
    device.program(
      { x: i32(n, LENGTH), weights: f32(n, LENGTH), offsets: i32(n), y: f32(n, WIDTH) },
      (inputs): Record<string, ReturnType<Optimizer["minimize"]>["loss"]> => {
        const loss = sumOfSquares(lookup(table, inputs));
        if (place === "whole") return optimizer.minimize(loss, options);
        if (place === "last") return optimizer.minimize(loss, options, parts);
        optimizer.accumulate(loss, options, parts, place === "first");
        return {};
      },
    );
  const run = (batch: Batch, place: Parameters<typeof record>[1]) => {
    const key = `${place} ${batch.y.length} ${place === "last" ? parts.key : ""}`;
    const program = programs.get(key) ?? record(batch.y.length / WIDTH, place);
    programs.set(key, program);
    return program.run(batch);
  };
  const next = random(7);
  const figures: number[] = [];
  for (const [step, sizes] of STEPS.entries()) {
    const batches = sizes.map((size) => batchOf(size, next));
    spoil?.(batches, step);
    const last = batches.length - 1;
    const own = inParts && last > 0 ? batches : [together(batches)];
    for (const [i, batch] of own.slice(0, -1).entries()) await run(batch, i === 0 ? "first" : "middle");
    const { loss, gradNorm } = await run(own.at(-1) as Batch, own.length > 1 ? "last" : "whole");
    figures.push(loss as number, gradNorm as number);
  }
  optimizer.flush();
  const { parameters: state } = await optimizer.state();
  const left = { value: await value.read(), state };
  const telemetry = options.watch ? await optimizer.telemetry() : [];
  const events = await optimizer.events();
  for (const program of programs.values()) program.dispose();
  return { left, figures, telemetry, events, programs: programs.size };
}

const RULES: Readonly<Record<string, Setting["make"]>> = {
  SGD: (p) => new SGD(p, { lr: 0.02, momentum: 0.9, weightDecay: 0.01 }),
  AdaGrad: (p) => new AdaGrad(p, { lr: 0.1 }),
  "row-wise AdaGrad": (p) => new AdaGrad(p, { lr: 0.1, sparse: "rowWise" }),
  "lazy Adam": (p) => new Adam(p, { lr: 0.05 }),
  "catch-up Adam": (p) => new Adam(p, { lr: 0.05, sparse: "catchUp" }),
  "catch-up AdamW": (p) => new AdamW(p, { lr: 0.05, weightDecay: 0.1, sparse: "catchUp" }),
  ScheduleFreeAdamW: (p) => new ScheduleFreeAdamW(p, { lr: 0.05 }),
};
const adagrad = RULES.AdaGrad as Setting["make"];

/** Sums of up to 48 squares, or of gradients of a row, in another order: some roundings of 6e-8, over six steps. */
const TOLERANCE = 2e-6;

onEachDevice("steps on sparse tables in parts", (device) => {
  const alike = async (setting: Setting) => {
    const parts = await train(device(), true, setting);
    const whole = await train(device(), false, setting);
    expect(parts.left).to.deep.equal(whole.left);
    expect(distance(parts.figures, whole.figures)).to.be.below(TOLERANCE);
    return { parts, whole };
  };

  for (const [name, make] of Object.entries(RULES)) {
    it(`of ${name} leave the bits of one batch`, async () => {
      const { parts } = await alike({ lookup: offsets, make });
      // first, middle, last of 4, of 2 and of 1 examples, and a batch of 3
      expect(parts.programs).to.equal(6);
    });
  }

  for (const [name, lookup] of Object.entries({ rows, bags, means })) {
    it(`by lookups of ${name} leave the bits of one batch`, async () => {
      await alike({ lookup, make: adagrad });
    });
  }

  it("leave them where lists outgrow the room that was made for them", async () => {
    await alike({ lookup: offsets, make: adagrad, room: 1 });
  });

  it("by two lookups add up in another order", async () => {
    const setting = { lookup: twice, make: adagrad };
    const parts = await train(device(), true, setting);
    const whole = await train(device(), false, setting);
    expect(distance(parts.left.value, whole.left.value)).to.be.below(TOLERANCE);
    expect(distance(parts.figures, whole.figures)).to.be.below(TOLERANCE);
  });

  for (const name of ["SGD", "AdaGrad"]) {
    it(`of ${name} are those on a dense gradient`, async () => {
      const make: Setting["make"] =
        name === "SGD" ? (p) => new SGD(p, { lr: 0.02 }) : (p) => new AdaGrad(p, { lr: 0.1 });
      for (const lookup of [rows, offsets]) {
        const options = { clip: { norm: 3 } };
        const parts = await train(device(), true, { lookup, make, options });
        const dense = await train(device(), false, { lookup, make, options, sparse: false });
        expect(distance(parts.left.value, dense.left.value)).to.be.below(TOLERANCE);
        expect(distance(parts.figures, dense.figures)).to.be.below(TOLERANCE);
        const { state } = parts.left;
        const moments = Object.entries(dense.left.state.table ?? {});
        for (const [key, data] of moments)
          expect(distance(state.table?.[key] ?? [], data), key).to.be.below(TOLERANCE);
      }
    });
  }

  it("are clipped, scaled and watched as those of one batch", async () => {
    const options = { clip: { norm: 2, value: 0.3 }, lossScale: { initial: 1024 }, watch: 2 };
    const { parts, whole } = await alike({ lookup: offsets, make: adagrad, options });
    expect(Math.max(...parts.figures.filter((_, i) => i % 2 === 1)), "it is clipped").to.be.above(2);
    expect(parts.telemetry).to.deep.equal(whole.telemetry);
    expect(parts.telemetry[0]?.updateNorm).to.be.above(0);
  });

  it("are guarded as one: a part that is not finite, or spikes, is skipped with all others, or rolled back", async () => {
    for (const nan of ["skip", "rollback"] as const) {
      const options = { guard: { nan, spike: "skip", history: 1, snapshotEvery: 1 } } as const;
      const spoil = (parts: readonly Batch[], step: number): void => {
        if (step === 1) parts[0]?.y.fill(Number.NaN, 2, 3);
        if (step === 2) parts[1]?.y.fill(1e6);
      };
      for (const name of ["AdaGrad", "catch-up AdamW"]) {
        const make = RULES[name] as Setting["make"];
        const { parts, whole } = await alike({ lookup: offsets, make, options, spoil });
        const decisions = parts.events.map(({ attempt, cause, action }) => [attempt, cause, action]);
        expect(decisions).to.deep.equal(
          whole.events.map(({ attempt, cause, action }) => [attempt, cause, action]),
        );
        expect(decisions.slice(0, 2)).to.deep.equal([
          [2, "nonFiniteGradient", nan],
          [3, "lossSpike", "skip"],
        ]);
      }
    }
  });

  it("free what they took, and refuse what one batch is refused", async () => {
    const options = { clip: { tensorNorm: 1 } };
    await expectError(
      "ADASTEP_ARGUMENT",
      /AdaGrad\.accumulate: got clip\.tensorNorm with sparse tables/,
      () => train(device(), true, { lookup: rows, make: adagrad, options }),
    );
    await expectError("ADASTEP_ARGUMENT", /LAMB\.accumulate: got a trust ratio with sparse tables/, () =>
      train(device(), true, { lookup: rows, make: (p) => new LAMB(p) }),
    );
    await device().sync();
    const { live } = device().memory();
    await train(device(), true, { lookup: offsets, make: adagrad });
    await device().sync();
    expect(device().memory().live).to.equal(live);
  });

  it("refuse lists of another length than those that the step was recorded for", async () => {
    using value = device().from(floats(5, WORDS * WIDTH), [WORDS, WIDTH]);
    const table = new Parameter("table", value, undefined, true);
    using sgd = new SGD([table]);
    expect(() => sgd.parts(0)).to.throw(/SGD\.parts: 'count'.*got 0/);
    using parts = sgd.parts(2);
    const inputs = { x: i32(4) };
    using first = device().program(inputs, ({ x }) => {
      sgd.accumulate(sumOfSquares(embedding(table, x)), {}, parts, true);
      return {};
    });
    const record = () =>
      device().program(inputs, ({ x }) => sgd.minimize(sumOfSquares(embedding(table, x)), {}, parts));
    using early = record();
    const batch = { x: Int32Array.of(1, 2, 3, 1) };
    await first.run(batch);
    await expectError("ADASTEP_ARGUMENT", /minimize: 'onto': got a step recorded after parts/, () =>
      early.run(batch),
    );
    using last = record();
    expect((await last.run(batch)).gradNorm).to.be.above(0);
    expect(sgd.stepCount).to.equal(1);
  });
});
