// The CPU and CUDA compute the same bits: steps on tables whose gradient is a list of rows. Registered where the suite runs on
// cuda.

import { expect } from "chai";
import { RULES } from "../../lib/device/encode.js";
import { Device, EmbeddingBag, f32, i32, mul, type Parameter, sum } from "../../lib/index.js";
import { SparseTable } from "../../lib/optim/sparse.js";
import { sqrt } from "../../lib/tensor/elementwise.js";
import { rowGradients } from "../../lib/tensor/gradients.js";
import { recording } from "../../lib/tensor/recorder.js";
import { sortRows, sumOfRowSquares } from "../../lib/tensor/rows.js";
import { adam, type Setup } from "../optim/sparse-harness.js";
import { deviceNames } from "../support/devices.js";
import { floats } from "../support/numbers.js";

const SETUPS: readonly Setup[] = [
  { rule: "sgd", mode: "lazy", hyper: [0.1, 0.01, 0], running: [0] },
  { rule: "adagrad", mode: "lazy", hyper: [0.1, 0, 0, 0.01, 1e-10], running: [0] },
  { rule: "adagrad", mode: "rowWise", hyper: [0.1, 0.01, 0, 0, 1e-10], running: [0] },
  adam("lazy", { lr: 0.01 }),
  adam("catchUp", { lr: 0.01, weightDecay: 0.1 }),
];
const [VOCABULARY, DIM, N, BAGS] = [60, 33, 40, 6];

/** Six steps of weighted bags, clipped by the norm of the row gradient; everything that they leave. */
async function train(device: Device, setup: Setup): Promise<unknown[]> {
  using model = new EmbeddingBag(VOCABULARY, DIM, { mode: "sum", sparse: true }).to(device, { seed: 4 });
  const [parameter] = model.parameters() as [Parameter];
  using table = new SparseTable(parameter, setup.rule, setup.mode);
  using running = device.from(Float64Array.from(setup.running));
  using prepared = device.alloc("f32", [1 + (RULES.get(setup.rule)?.step ?? 0)]);
  const inputs = { i: i32(N), o: i32(BAGS), w: f32(N), g: f32(BAGS, DIM) };
  using step = device.program(inputs, ({ i, o, w, g }) => {
    const recorder = recording("a step");
    const loss = sum(mul(model.forward(i, o, w), g));
    const { dense, sparse } = rowGradients(loss, [w], [parameter]);
    const rows = sortRows(parameter, sparse[0] ?? []);
    if (!rows || !dense[0]) throw new Error("no gradient");
    const norm = sqrt(sumOfRowSquares(rows));
    const hyper = recorder.supplied(setup.hyper.length, () => setup.hyper);
    recorder.emit("advance", { rule: setup.rule, maxNorm: 3, hyper, running, norm, prepared });
    table.record(recorder, rows, { prepared, running });
    return { loss, norm, weights: dense[0] };
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
  table.flush();
  trace.push(await model.state(), await table.readStates());
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
