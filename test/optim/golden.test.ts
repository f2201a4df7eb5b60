// Optimizers against trajectories of PyTorch and of the formulas (test/golden, made by make.py): parameters after each step,
// states at the end. A file there whose class is not in the table of classes shows as pending.

import { readdirSync, readFileSync } from "node:fs";
import { expect } from "chai";
import {
  add,
  type Device,
  type DeviceBuffer,
  f32,
  mul,
  type Optimizer,
  type Parameter,
  Prodigy,
  parameter,
  reshape,
  slice,
  sum,
  type Tensor,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { CLASSES, type ClassName, construct, type Options } from "./variants.js";

type Values = Readonly<Record<string, readonly number[]>>;

interface Case {
  readonly name: string;
  readonly class: string;
  readonly options: Options;
  readonly gradients: string;
  readonly lrs?: readonly number[];
  readonly initial: readonly number[];
  /** Of several parameters that lie one after the other in `initial`; absent if there is one. */
  readonly shapes?: readonly (readonly number[])[];
  readonly float64: {
    readonly parameters: readonly (readonly number[])[];
    readonly state: Values | readonly Values[];
    /** The largest that each element of a state has been. */
    readonly stateScale?: Values | readonly Values[];
    /** Of schedule-free: the average of the parameters at the end. */
    readonly x?: readonly number[];
    /** Of Prodigy: the estimate after each step. */
    readonly d?: readonly number[];
  };
  /** How far a sound f32 implementation is from float64, in units of 2^-24 of the largest that an element has been. */
  readonly float32Units?: { readonly parameters: number; readonly state?: number; readonly d?: number };
}

interface Golden {
  readonly gradients?: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly cases: readonly Case[];
}

type Gradients = readonly (readonly number[])[];

interface Run {
  readonly steps: number[][];
  readonly states: readonly Readonly<Record<string, Float32Array>>[];
  /** Of Prodigy. */
  readonly d: readonly number[];
  /** Inside of `withAverage`, of rules that keep an average. */
  readonly x: readonly number[];
}

/** Where the parameters of a case lie in its flat lists. */
function placesOf({ shapes, initial }: Case): { at: number; length: number; shape: readonly number[] }[] {
  let end = 0;
  return (shapes ?? [[initial.length]]).map((shape) => {
    const length = shape.reduce((a, b) => a * b, 1);
    end += length;
    return { at: end - length, length, shape };
  });
}

/** A step with the gradients of all parameters, one after the other. */
type Step = (gradients: Float32Array) => Promise<void>;
type MakeStep = (optimizer: Optimizer, parameters: readonly Parameter[], g: DeviceBuffer<"f32">) => Step;

async function run(device: Device, test: Case, gradients: Gradients, makeStep: MakeStep): Promise<Run> {
  using w = device.from(Float32Array.from(test.initial));
  using g = device.alloc("f32", [test.initial.length]);
  const parameters = placesOf(test).map(({ at, shape }, i) =>
    parameter(`w${i}`, w.view(at, shape), g.view(at, shape)),
  );
  using optimizer = construct(test.class as ClassName, parameters, test.options);
  const step = makeStep(optimizer, parameters, g);
  const steps: number[][] = [];
  const d: number[] = [];
  for (const [i, row] of gradients.entries()) {
    const [group] = optimizer.groups;
    const lr = test.lrs?.[i];
    if (group && lr !== undefined) group.lr = lr;
    await step(Float32Array.from(row));
    steps.push([...(await w.read())]);
    if (optimizer instanceof Prodigy) d.push(await optimizer.d());
  }
  const state = (await optimizer.state()).parameters;
  const x = test.float64.x ? await optimizer.withAverage(async () => [...(await w.read())]) : [];
  expect([...(await w.read())], "after the average").to.deep.equal(steps.at(-1));
  return {
    steps,
    d,
    x,
    states: parameters.map(({ name }) => (state[name] ?? {}) as Record<string, Float32Array>),
  };
}

/** The gradients go into their buffers, and the optimizer steps by a direct command. */
const direct: MakeStep = (optimizer, _, g) => async (gradients) => {
  g.write(gradients);
  optimizer.step();
};

/** A recorded step whose loss has those gradients: the sum of all p * g. */
const recorded: MakeStep = (optimizer, parameters, g) => {
  const program = optimizer.device.program({ g: f32(g.length) }, ({ g: given }) => {
    let at = 0;
    const losses = parameters.map((p): Tensor => {
      const part = reshape(slice(given, 0, at, at + p.value.length), p.shape);
      at += p.value.length;
      return sum(mul(p, part));
    });
    return optimizer.minimize(losses.reduce((a, b) => add(a, b)));
  });
  return async (gradients) => {
    await program.run({ g: gradients });
  };
};

const UNIT = 2 ** -24;
const SUBNORMALS = 1e-39; // f32 has few digits left there
const LENIENCE = 4; // ours rounds at other places than the one that `float32Units` tells of

/** Allowed are 16 units of the largest that the element has been, or what f32 costs elsewhere. */
function expectTrajectory(steps: Run["steps"], test: Case): void {
  const largest = test.initial.map(Math.abs);
  const units = Math.max(16, LENIENCE * (test.float32Units?.parameters ?? 0));
  for (const [i, row] of test.float64.parameters.entries()) {
    for (const [j, value] of row.entries()) {
      largest[j] = Math.max(largest[j] as number, Math.abs(value));
      expectClose(
        `step ${i + 1}, element ${j}`,
        steps[i]?.[j],
        value,
        units * UNIT * (largest[j] as number) + SUBNORMALS,
      );
    }
  }
}

function expectClose(what: string, actual: number | undefined, expected: number, allowed: number): void {
  const error = Math.abs((actual as number) - expected);
  if (!(error <= allowed)) expect.fail(`${what}: ${actual}, expected ${expected} within ${allowed}`);
}

const listOf = <T extends object>(one: T | readonly T[]): readonly T[] =>
  Array.isArray(one) ? (one as readonly T[]) : [one as T];

/** The first files tell no scale: states are sums of gradients or of their squares, and with decay of parameters of size 1. */
function scaleOf(test: Case, gradients: Gradients, name: string, j: number): number {
  const g = Math.max(...gradients.map((row) => Math.abs(row[j] as number)), test.options.weightDecay ? 1 : 0);
  return name === "sum" || name === "exp_avg_sq" ? g * g : g;
}

function expectStates(states: Run["states"], test: Case, gradients: Gradients): void {
  const units = Math.max(64, LENIENCE * (test.float32Units?.state ?? 0));
  const scales = test.float64.stateScale && listOf<Values>(test.float64.stateScale);
  // Keras' momentum points downhill.
  const sign = test.class === "SGD" && test.options.semantics === "keras" ? -1 : 1;
  for (const [i, expected] of listOf<Values>(test.float64.state).entries()) {
    const state = states[i] ?? {};
    expect(Object.keys(state)).to.have.members(Object.keys(expected));
    for (const [name, values] of Object.entries(expected)) {
      for (const [j, value] of values.entries()) {
        const scale = scales?.[i]?.[name]?.[j] ?? scaleOf(test, gradients, name, j);
        const allowed = units * UNIT * Math.max(scale, Math.abs(value)) + SUBNORMALS;
        expectClose(`${name}[${j}]`, state[name]?.[j], sign * value, allowed);
      }
    }
  }
}

function expectEstimate({ d }: Run, test: Case): void {
  const units = Math.max(16, LENIENCE * (test.float32Units?.d ?? 0));
  for (const [i, value] of (test.float64.d ?? []).entries())
    expectClose(`d after step ${i + 1}`, d[i], value, units * UNIT * value);
}

/** The average that schedule-free trains comes from the parameters and from z: what both cost in f32, divided by the share. */
function expectAverage({ steps, states, x }: Run, test: Case): void {
  const [beta1] = (test.options.betas ?? [0.9]) as readonly number[];
  const z = states.flatMap((state) => [...(state.z ?? [])]);
  const share = beta1 as number;
  for (const [j, value] of (test.float64.x ?? []).entries()) {
    const [y, end] = [steps.at(-1)?.[j] as number, z[j] as number];
    const allowed = (64 * UNIT * Math.max(Math.abs(y), Math.abs(end))) / share + SUBNORMALS;
    expectClose(`x[${j}]`, x[j], value, allowed);
  }
}

const FOLDER = new URL("../golden/", import.meta.url);

onEachDevice("optimizers against PyTorch", (device) => {
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".json"))) {
    const golden = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as Golden;
    if (golden.gradients === undefined) continue; // sparse gradients have a form and a test of their own
    const lists = golden.gradients;
    for (const test of golden.cases) {
      const title = `${file}, ${test.class}: ${test.name}`;
      if (!Object.hasOwn(CLASSES, test.class)) {
        it(title);
        continue;
      }
      it(title, async () => {
        const gradients = lists[test.gradients] ?? [];
        expect(gradients).to.have.length(test.float64.parameters.length);
        const result = await run(device(), test, gradients, direct);
        expectTrajectory(result.steps, test);
        expectStates(result.states, test, gradients);
        expectAverage(result, test);
        expectEstimate(result, test);
        const again = await run(device(), test, gradients, recorded);
        expect(again, "a recorded step has the same bits").to.deep.equal(result);
      });
    }
  }
});
