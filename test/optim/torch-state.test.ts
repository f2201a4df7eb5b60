// States of PyTorch's optimizers (test/golden/torch-state.json), taken over half-way: ours go on as PyTorch's do.

import { readFileSync } from "node:fs";
import { expect } from "chai";
import {
  Adam,
  AdamW,
  decodeSafetensors,
  encodeSafetensors,
  importTorchState,
  type Optimizer,
  type Parameter,
  Prodigy,
  parameter,
  type SafetensorsTensor,
  ScheduleFreeAdamW,
  SGD,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { floats } from "../support/numbers.js";
import { CLASSES, type ClassName, construct, describeVariant, type Options, VARIANTS } from "./variants.js";

type Rows = readonly (readonly number[])[];

interface State {
  readonly class: ClassName;
  readonly options: Options;
  /** After the first half. */
  readonly parameters: Rows;
  readonly tensors: Readonly<Record<string, { shape: readonly number[]; data: readonly number[] }>>;
  /** After each later step. */
  readonly then: readonly Rows[];
}

interface Golden {
  readonly shapes: Rows;
  readonly steps: number;
  /** Gradients of the second half. */
  readonly later: readonly Rows[];
  readonly states: readonly State[];
}

const path = new URL("../golden/torch-state.json", import.meta.url);
const golden = JSON.parse(readFileSync(path, "utf8")) as Golden;
const NAMES = ["0.weight", "0.bias"];

/** The tensors as they come out of a safetensors file. */
function fromFile(tensors: State["tensors"], rename = (name: string) => name) {
  const entries = Object.entries(tensors).map(([name, { shape, data }]): [string, SafetensorsTensor] => [
    rename(name),
    { dtype: "F32", shape, data: Float32Array.from(data) },
  ]);
  return decodeSafetensors(Buffer.concat(encodeSafetensors(Object.fromEntries(entries)))).tensors;
}

const byName = (name: string): string =>
  name.replace(/^state\.(\d+)/, (_, index: string) => NAMES[Number(index)] ?? "");

onEachDevice("states of PyTorch", (device) => {
  const make = (values: Rows, names = NAMES): Parameter[] =>
    names.map((name) => {
      const i = NAMES.indexOf(name);
      const [shape, row] = [golden.shapes[i] ?? [], values[i] ?? []];
      return parameter(name, device().from(Float32Array.from(row), shape), device().alloc("f32", shape));
    });

  const goOn = async (optimizer: Optimizer, parameters: readonly Parameter[]): Promise<number[][][]> => {
    const trajectory: number[][][] = [];
    for (const rows of golden.later) {
      for (const { name, grad } of parameters)
        grad?.write(Float32Array.from(rows[NAMES.indexOf(name)] ?? []));
      optimizer.step();
      const values = NAMES.map((name) => parameters.find((p) => p.name === name)?.value.read());
      trajectory.push((await Promise.all(values)).map((row) => [...(row ?? [])]));
    }
    return trajectory;
  };

  it("are there for what people bring", () => {
    const names = golden.states.map((state) => state.class);
    expect(names).to.include.members(["SGD", "AdaGrad", "Adam", "AdamW", "RMSprop"]);
  });

  for (const state of golden.states) {
    it(`${describeVariant(state)} goes on`, async () => {
      const parameters = make(state.parameters);
      using optimizer = construct(state.class, parameters, state.options);
      const given = state.class === "SGD" ? { step: golden.steps } : {};
      const report = importTorchState(optimizer, fromFile(state.tensors), given);
      expect(report).to.deep.equal({ missing: [], unexpected: [] });
      expect(optimizer.stepCount).to.equal(golden.steps);
      const trajectory = await goOn(optimizer, parameters);
      for (const [i, rows] of state.then.entries()) {
        for (const [j, row] of rows.entries()) {
          row.forEach((value, k) => {
            // Sixteen units of 2^-24 of what is added up: torch rounds at other places.
            const allowed = 16 * 2 ** -24 * Math.max(Math.abs(value), 1);
            expect(trajectory[i]?.[j]?.[k], `step ${i}, ${NAMES[j]}[${k}]`).to.be.closeTo(value, allowed);
          });
        }
      }
      // By name, in another order, and with names for the indices of PyTorch: the same bits.
      for (const [rename, names] of [
        [byName, undefined],
        [(name: string) => name, NAMES],
      ] as const) {
        const others = make(state.parameters, [...NAMES].reverse());
        using other = construct(state.class, others, state.options);
        importTorchState(other, fromFile(state.tensors, rename), { ...given, ...(names && { names }) });
        expect(await goOn(other, others)).to.deep.equal(trajectory);
      }
    });
  }

  it("are refused if they do not fit, and the optimizer is then as it was", async () => {
    const adam = golden.states.find((state) => state.class === "Adam") as State;
    const tensors = fromFile(adam.tensors);
    const scalar = (value: number): SafetensorsTensor => ({
      dtype: "F32",
      shape: [],
      data: Float32Array.of(value),
    });
    using optimizer = new Adam(make(adam.parameters), { lr: 0.5 });
    optimizer.step();
    const before = await optimizer.state();
    const { "state.1.step": step, "state.1.exp_avg": exp_avg, ...rest } = tensors;
    const bad: [unknown, RegExp][] = [
      [null, /importTorchState: 'tensors': got null/],
      [{ ...rest, "state.1.step": step }, /'0\.bias\.exp_avg'.*no tensor/],
      [{ ...rest, "state.1.exp_avg": exp_avg }, /'0\.bias\.step'.*no tensor/],
      [{ ...tensors, "state.1.step": scalar(3) }, /'0\.bias\.step': got 3 steps, where "0\.weight".*7/],
      [{ ...tensors, "state.1.step": scalar(1.5) }, /'0\.bias\.step'.*1\.5/],
      [{ ...tensors, "state.2.exp_avg": scalar(1) }, /'state\.2\.exp_avg'/],
      [{ ...tensors, "0.bias.sum": scalar(1) }, /'0\.bias\.sum'/],
      [{ ...tensors, step: scalar(1) }, /'step'/],
    ];
    for (const [given, pattern] of bad)
      await expectError("ADASTEP_ARGUMENT", pattern, () => importTorchState(optimizer, given as never));
    const misshapen: [unknown, RegExp][] = [
      [{ ...tensors, "state.1.exp_avg": scalar(1) }, /'state\.1\.exp_avg'.*\[3\]/],
      [{ ...tensors, "state.1.step": exp_avg }, /'state\.1\.step'.*one number/],
      [{ ...tensors, "state.1.exp_avg": 5 }, /'state\.1\.exp_avg': got 5/],
    ];
    for (const [given, pattern] of misshapen)
      await expectError("ADASTEP_SHAPE", pattern, () => importTorchState(optimizer, given as never));
    const options: [unknown, RegExp][] = [
      [{ names: "0.bias" }, /'names'/],
      [{ names: ["0.weight", "1.bias"] }, /'0\.bias\.exp_avg'/],
      [{ step: -1 }, /'step'/],
      [{ stict: true }, /"stict"/],
    ];
    for (const [given, pattern] of options)
      await expectError("ADASTEP_ARGUMENT", pattern, () =>
        importTorchState(optimizer, tensors, given as never),
      );
    expect(await optimizer.state()).to.deep.equal(before);
    using keras = new Adam(make(adam.parameters), { semantics: "keras" });
    await expectError("ADASTEP_ARGUMENT", /semantics "keras"/, () => importTorchState(keras, tensors));
    using free = new ScheduleFreeAdamW(make(adam.parameters));
    await expectError("ADASTEP_ARGUMENT", /scheduleFreeAdamW/, () =>
      importTorchState(free, tensors, { strict: false }),
    );
  });

  it("may be taken in part: what never had a gradient starts anew, the average from the parameters", async () => {
    const adam = golden.states.find((state) => state.class === "AdamW") as State;
    const weight = Object.entries(fromFile(adam.tensors)).filter(([name]) => name.startsWith("state.0"));
    const parameters = make(adam.parameters);
    const groups = [{ match: (name: string) => name === "0.bias" }];
    const options = { betas: [0.8, 0.99] as const, average: 0.5, groups };
    using adamW = new AdamW(parameters, options);
    const report = importTorchState(adamW, Object.fromEntries(weight), {
      strict: false,
      names: NAMES,
      step: 30,
    });
    expect(report).to.deep.equal({ missing: ["0.bias.exp_avg", "0.bias.exp_avg_sq"], unexpected: [] });
    expect(adamW.stepCount).to.equal(30);
    const { running, parameters: states } = await adamW.state();
    expect(running[1]?.[0]).to.equal(golden.steps);
    expect(states["0.bias"]?.exp_avg).to.deep.equal(new Float32Array(3));
    expect(states["0.weight"]?.average).to.deep.equal(await parameters[0]?.value.read());
  });

  it("of SGD have no step: with a buffer the first is over", async () => {
    const sgd = golden.states.find((state) => state.class === "SGD") as State;
    using ours = new SGD(make(sgd.parameters), { momentum: 0.9 });
    importTorchState(ours, fromFile(sgd.tensors));
    expect((await ours.state()).running).to.deep.equal([[1]]);
    importTorchState(ours, {}, { strict: false });
    expect((await ours.state()).running).to.deep.equal([[0]]);
  });
});

/** What their scalars depend on is more than the number of steps. */
const DEPENDENT: ReadonlySet<unknown> = new Set([ScheduleFreeAdamW, Prodigy]);

onEachDevice("running scalars by their number of steps", (device) => {
  for (const variant of VARIANTS.filter(({ class: name }) => !DEPENDENT.has(CLASSES[name]))) {
    it(`${describeVariant(variant)}: the device's bits`, async () => {
      using w = device().alloc("f32", [1, 3]);
      using g = device().from(floats(1, 3), [1, 3]);
      using optimizer = construct(variant.class, [parameter("w", w, g)], variant.options);
      for (let i = 0; i < 40; i++) optimizer.step();
      const { running } = await optimizer.state();
      expect(optimizer.setups.map((setup) => setup.runningAfter(40))).to.deep.equal(running);
    });
  }
});
