// Optimizers against trajectories of PyTorch (test/golden, made by make.py): parameters after each step, states at the end.

import { readFileSync } from "node:fs";
import { expect } from "chai";
import {
  AdaGrad,
  Adam,
  AdamW,
  type Device,
  f32,
  mul,
  type Optimizer,
  type Parameter,
  parameter,
  SGD,
  sum,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";

interface Results {
  readonly parameters: number[][];
  readonly state: Record<string, number[]>;
}

interface Case {
  readonly name: string;
  readonly class: keyof typeof CLASSES;
  readonly options: Record<string, unknown>;
  readonly gradients: string;
  readonly lrs?: number[];
  readonly initial: number[];
  readonly float64: Results;
}

interface Golden {
  readonly gradients: Record<string, number[][]>;
  readonly cases: Case[];
}

const CLASSES = { SGD, AdaGrad, Adam, AdamW };

interface Run {
  readonly steps: Float32Array[];
  readonly state: Readonly<Record<string, Float32Array>>;
}

type Step = (optimizer: Optimizer, p: Parameter, gradient: Float32Array) => Promise<void>;

async function run(
  device: Device,
  test: Case,
  gradients: number[][],
  makeStep: (o: Optimizer, p: Parameter) => Step,
): Promise<Run> {
  using w = device.from(Float32Array.from(test.initial));
  using g = device.alloc("f32", [test.initial.length]);
  const p = parameter("w", w, g);
  using optimizer = new CLASSES[test.class]([p], test.options);
  const step = makeStep(optimizer, p);
  const steps: Float32Array[] = [];
  for (const [i, gradient] of gradients.entries()) {
    const [group] = optimizer.groups;
    const lr = test.lrs?.[i];
    if (group && lr !== undefined) group.lr = lr;
    await step(optimizer, p, Float32Array.from(gradient));
    steps.push(await w.read());
  }
  return { steps, state: (await optimizer.state()).parameters.w ?? {} };
}

/** The gradient goes into the buffer, and the optimizer steps by a direct command. */
const direct = (): Step => async (optimizer, p, gradient) => {
  p.grad?.write(gradient);
  optimizer.step();
};

/** A recorded step whose loss has that gradient: sum(p * g). */
const recorded = (optimizer: Optimizer, p: Parameter): Step => {
  const program = optimizer.device.program({ g: f32(...p.shape) }, ({ g }) =>
    optimizer.minimize(sum(mul(p, g))),
  );
  return async (_optimizer, _p, gradient) => {
    await program.run({ g: gradient });
  };
};

const UNIT = 2 ** -24;

/** PyTorch's own f32 parameters are within 9.3 units of 2^-24 max|p| of its f64 ones (test/golden/README.md): 16 are allowed. */
function expectTrajectory(steps: readonly Float32Array[], expected: number[][], initial: number[]): void {
  const largest = initial.map(Math.abs);
  for (const [i, row] of expected.entries()) {
    for (const [j, value] of row.entries()) {
      largest[j] = Math.max(largest[j] as number, Math.abs(value));
      const error = Math.abs((steps[i]?.[j] as number) - value);
      const allowed = 16 * UNIT * (largest[j] as number);
      if (!(error <= allowed))
        expect.fail(`step ${i + 1}, element ${j}: ${steps[i]?.[j]}, expected ${value} within ${allowed}`);
    }
  }
}

/** States are sums of gradients or of their squares: errors are relative to the largest of those, plus a few subnormals. */
function expectState(state: Run["state"], test: Case, gradients: number[][]): void {
  expect(Object.keys(state)).to.have.members(Object.keys(test.float64.state));
  for (const [name, expected] of Object.entries(test.float64.state)) {
    const squares = name === "sum" || name === "exp_avg_sq";
    for (const [j, value] of expected.entries()) {
      // With weight decay the parameter is a part of the gradient, and it is of size 1.
      const g = Math.max(
        ...gradients.map((row) => Math.abs(row[j] as number)),
        test.options.weightDecay ? 1 : 0,
      );
      const allowed = 64 * UNIT * (Math.abs(value) + (squares ? g * g : g)) + 64 * 2 ** -149;
      const error = Math.abs((state[name]?.[j] as number) - value);
      if (!(error <= allowed))
        expect.fail(`${name}[${j}]: ${state[name]?.[j]}, expected ${value} within ${allowed}`);
    }
  }
}

onEachDevice("optimizers against PyTorch", (device) => {
  for (const file of ["sgd", "adagrad", "adam"]) {
    const golden = JSON.parse(
      readFileSync(new URL(`../golden/${file}.json`, import.meta.url), "utf8"),
    ) as Golden;
    for (const test of golden.cases) {
      it(`${test.class}: ${test.name}`, async () => {
        const gradients = golden.gradients[test.gradients] ?? [];
        expect(gradients).to.have.length(20);
        const result = await run(device(), test, gradients, direct);
        expectTrajectory(result.steps, test.float64.parameters, test.initial);
        expectState(result.state, test, gradients);
        expect(
          await run(device(), test, gradients, recorded),
          "a recorded step has the same bits",
        ).to.deep.equal(result);
      });
    }
  }
});
