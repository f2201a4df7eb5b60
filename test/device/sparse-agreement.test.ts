// The CPU and CUDA compute the same bits: steps on tables whose gradient is a list of rows. Registered where the suite runs on
// cuda.

import { expect } from "chai";
import { Device, embeddingBag, f32, gradients, i32, mul, sum, type Tensor } from "../../lib/index.js";
import { adam, Harness, readStates, type Setup } from "../optim/sparse-harness.js";
import { deviceNames } from "../support/devices.js";
import { floats } from "../support/numbers.js";

const SETUPS: readonly Setup[] = [
  { rule: "sgd", mode: "lazy", hyper: [0.1, 0.01, 0, 0], running: [0] },
  { rule: "adagrad", mode: "lazy", hyper: [0.1, 0, 0, 0, 0.01, 1e-10, 0, 0], running: [0] },
  { rule: "adagrad", mode: "rowWise", hyper: [0.1, 0.01, 0, 0, 0, 1e-10, 0, 0], running: [0] },
  adam("lazy", { lr: 0.01 }),
  adam("catchUp", { lr: 0.01, weightDecay: 0.1 }),
];
const [VOCABULARY, DIM, N, BAGS] = [60, 33, 40, 6];

/** Six steps of weighted bags, clipped by the norm of the row gradient; everything that they leave. */
async function train(device: Device, setup: Setup): Promise<unknown[]> {
  using harness = new Harness(device, floats(4, VOCABULARY * DIM), [VOCABULARY, DIM], setup);
  harness.steering = { ...harness.steering, maxNorm: 3 };
  const inputs = { i: i32(N), o: i32(BAGS), w: f32(N), g: f32(BAGS, DIM) };
  using step = device.program(inputs, ({ i, o, w, g }) => {
    const bags = embeddingBag(harness.parameter, i, { mode: "sum", offsets: o, weights: w });
    const loss = sum(mul(bags, g));
    const [weights] = gradients(loss, [w]) as [Tensor];
    return { ...harness.recordUpdate([loss]), weights };
  });
  const trace: unknown[] = [];
  for (let k = 0; k < 6; k++) {
    const i = Int32Array.from(floats(k, N, 0, 1), (v) => Math.floor(VOCABULARY * v ** 3));
    trace.push(
      await step.run({
        i,
        o: Int32Array.of(0, 3, 3, 17, 30, 39),
        w: floats(k + 9, N),
        g: floats(k, BAGS * DIM),
      }),
    );
  }
  harness.table.flush();
  trace.push(await harness.read(), await readStates(harness.table));
  return trace;
}

if (deviceNames.includes("cuda")) {
  describe("the CPU and CUDA, on tables with rows in use", () => {
    for (const setup of SETUPS) {
      it(`train to the same bits: ${setup.mode} ${setup.rule}`, async () => {
        using cpu = await Device.open("cpu");
        using cuda = await Device.open("cuda");
        expect(await train(cuda, setup)).to.deep.equal(await train(cpu, setup));
      });
    }
  });
}
