// The CPU and CUDA compute the same bits: whole training steps, compared parameter by parameter. Registered where the suite
// runs on cuda (npm run test:emulated, or a machine with a GPU).

import { expect } from "chai";
import {
  AdaGrad,
  AdamW,
  add,
  argmax,
  crossEntropy,
  Device,
  dropout,
  Embedding,
  f32,
  gelu,
  i32,
  LayerNorm,
  Linear,
  logSoftmax,
  Module,
  matmul,
  mean,
  meanSquaredError,
  mul,
  type Optimizer,
  type Parameter,
  reshape,
  SGD,
  sigmoid,
  softmax,
  sum,
  type Tensor,
  tanh,
  transpose,
  type Value,
} from "../../lib/index.js";
import { deviceNames } from "../support/devices.js";
import { floats } from "../support/numbers.js";

/** A model that uses most operations: lookup, attention-like products, normalisation, dropout, activations. */
class Model extends Module {
  readonly table = new Embedding(40, 24);
  readonly norm = new LayerNorm(24);
  readonly first = new Linear(24, 70);
  readonly second = new Linear(70, 24);
  readonly head = new Linear(24 * 5, 9);
  forward(tokens: Value): Tensor {
    const x = this.norm.forward(this.table.forward(tokens));
    const weights = softmax(mul(matmul(x, x, { transB: true }), 0.2));
    const mixed = dropout(matmul(weights, x), 0.1);
    const h = this.second.forward(tanh(this.first.forward(gelu(add(mixed, x)))));
    const gate = sigmoid(transpose(transpose(h, [0, 2, 1]), [0, 2, 1]));
    return this.head.forward(reshape(mul(h, gate), [-1, 24 * 5]));
  }
}

const OPTIMIZERS: readonly ((p: readonly Parameter[]) => Optimizer)[] = [
  (p) => new AdamW(p, { lr: 0.01, weightDecay: 0.1 }),
  (p) => new AdaGrad(p, { lr: 0.05, lrDecay: 0.01 }),
  (p) => new SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
];

async function train(device: Device, make: (p: readonly Parameter[]) => Optimizer): Promise<unknown[]> {
  using model = new Model().to(device, { seed: 11 });
  using optimizer = make(model.parameters());
  using step = device.program(
    { x: i32(8, 5), y: i32(8) },
    ({ x, y }) => {
      const logits = model.forward(x);
      const loss = optimizer.minimize(crossEntropy(logits, y), { clip: { norm: 0.5 } });
      return { ...loss, best: argmax(logits), logs: logSoftmax(logits), columns: mean(logits, { axis: 0 }) };
    },
    { seed: 4 },
  );
  const trace: unknown[] = [];
  for (let i = 0; i < 6; i++) {
    const x = Int32Array.from(floats(i, 40, 0, 40), Math.floor);
    const y = Int32Array.from(floats(i + 50, 8, 0, 9), Math.floor);
    trace.push(await step.run({ x, y }));
  }
  trace.push(await model.state(), (await optimizer.state()).parameters);
  return trace;
}

if (deviceNames.includes("cuda")) {
  describe("the CPU and CUDA", () => {
    for (const make of OPTIMIZERS) {
      it(`train to the same bits (${String(make).match(/new (\w+)/)?.[1]})`, async () => {
        using cpu = await Device.open("cpu");
        using cuda = await Device.open("cuda");
        expect(await train(cuda, make)).to.deep.equal(await train(cpu, make));
      });
    }

    it("agree on sums longer than a chunk, in rows, in columns and over all", async () => {
      using cpu = await Device.open("cpu");
      using cuda = await Device.open("cuda");
      const run = async (device: Device, rows: number, cols: number): Promise<unknown> => {
        using program = device.program({ x: f32(rows, cols) }, ({ x }) => ({
          all: sum(x),
          rows: sum(x, { axis: 1 }),
          columns: sum(x, { axis: 0 }),
          soft: softmax(x),
          error: meanSquaredError(x, tanh(x)),
        }));
        return await program.run({ x: floats(3, rows * cols) });
      };
      for (const [rows, cols] of [
        [3, 9001],
        [9001, 3],
        [1, 4097],
        [100, 33],
      ] as const) {
        expect(await run(cuda, rows, cols), `[${rows}, ${cols}]`).to.deep.equal(await run(cpu, rows, cols));
      }
    });
  });
}
