// The CPU and CUDA compute the same bits: whole training steps, compared parameter by parameter. Registered where the suite
// runs on cuda (npm run test:emulated, or a machine with a GPU).

import { expect } from "chai";
import {
  AdaGrad,
  AdamW,
  add,
  argmax,
  avgPool2d,
  BatchNorm,
  binaryAccuracy,
  Conv2d,
  confusionMatrix,
  crossEntropy,
  Dataset,
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
  MultiHeadAttention,
  matmul,
  maxPool2d,
  mean,
  meanAbsoluteError,
  meanSquaredError,
  mul,
  type Optimizer,
  type Parameter,
  parameter,
  perplexity,
  RMSNorm,
  relu,
  reshape,
  rocAuc,
  rSquared,
  Sequential,
  SGD,
  sigmoid,
  silu,
  softmax,
  sum,
  type Tensor,
  Trainer,
  tanh,
  topK,
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

/** Convolutions, pools, batch normalisation, and attention between the places of the image that is left. */
class Picture extends Module {
  readonly stem = new Conv2d(2, 6, [3, 2], { padding: 1 });
  readonly norm = new BatchNorm(6);
  readonly second = new Conv2d(6, 8, 3, { stride: 2, padding: 1, bias: false });
  readonly places = new RMSNorm(8);
  readonly attention = new MultiHeadAttention(8, 2, { causal: true });
  readonly head = new Linear(8, 5);
  forward(x: Value): Tensor {
    const h = maxPool2d(silu(this.norm.forward(this.stem.forward(x))), 3, { stride: 1, padding: 1 });
    const pooled = avgPool2d(relu(this.second.forward(h)), [2, 1]);
    const places = reshape(pooled, [6, -1, 8]);
    return this.head.forward(
      mean(add(places, this.attention.forward(this.places.forward(places))), { axis: 1 }),
    );
  }
}

async function trainPictures(device: Device): Promise<unknown[]> {
  using model = new Picture().to(device, { seed: 12 });
  using optimizer = new AdamW(model.parameters(), { lr: 0.01 });
  using step = device.program({ x: f32(6, 8, 9, 2), y: i32(6) }, ({ x, y }) =>
    optimizer.minimize(crossEntropy(model.forward(x), y), { clip: { norm: 0.5 } }),
  );
  using evaluation = device.program({ x: f32(6, 8, 9, 2) }, ({ x }) => model.forward(x));
  const y = Int32Array.of(0, 1, 2, 3, 4, 0);
  const trace: unknown[] = [];
  for (let i = 0; i < 5; i++) trace.push(await step.run({ x: floats(i, 6 * 144), y }));
  trace.push(await evaluation.run({ x: floats(9, 6 * 144) }), await model.state());
  return trace;
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

/** Every figure of evaluations: of scores for classes, and of numbers. */
async function evaluate(device: Device): Promise<unknown[]> {
  const found: unknown[] = [];
  const size = 203;
  const x = { data: floats(3, 5 * size, -2, 2), shape: [5] };
  for (const outputs of [2, 3]) {
    using model = new Sequential(new Linear(5, 16), relu, new Linear(16, outputs)).to(device, { seed: 4 });
    using optimizer = new SGD(model.parameters());
    const parts = { device, model, optimizer };
    const labels = Int32Array.from(floats(6, size, 0, outputs), Math.floor);
    const two = outputs === 2 ? { auc: rocAuc() } : {};
    const metrics = { top2: topK(2), confusion: confusionMatrix(outputs), perplexity: perplexity(), ...two };
    await using classes = new Trainer({ ...parts, loss: crossEntropy, metrics });
    found.push(await classes.evaluate(new Dataset({ x, y: { data: labels, shape: [] } }), { batchSize: 17 }));

    const numbers = { data: floats(7, outputs * size, 9, 11), shape: [outputs] };
    const errors = { mae: meanAbsoluteError(), r2: rSquared(), binary: binaryAccuracy() };
    await using regression = new Trainer({ ...parts, loss: meanSquaredError, metrics: errors });
    found.push(await regression.evaluate(new Dataset({ x, y: numbers }), { batchSize: 17 }));
  }
  return found;
}

if (deviceNames.includes("cuda")) {
  describe("the CPU and CUDA", () => {
    it("evaluate to the same bits", async () => {
      using cpu = await Device.open("cpu");
      using cuda = await Device.open("cuda");
      expect(await evaluate(cuda)).to.deep.equal(await evaluate(cpu));
    });

    for (const make of OPTIMIZERS) {
      it(`train to the same bits (${String(make).match(/new (\w+)/)?.[1]})`, async () => {
        using cpu = await Device.open("cpu");
        using cuda = await Device.open("cuda");
        expect(await train(cuda, make)).to.deep.equal(await train(cpu, make));
      });
    }

    it("agree on gradients limited by units, short and long, and on what is watched of tables", async () => {
      using cpu = await Device.open("cpu");
      using cuda = await Device.open("cuda");
      const run = async (device: Device): Promise<unknown> => {
        const parameters = [[70, 33], [2, 9000], [41]].map((shape, i) => {
          const length = shape.reduce((a, b) => a * b, 1);
          const values = floats(i, length).map((v, k) => v * 10 ** ((k % 7) - 4));
          return parameter(`p${i}`, device.from(values, shape), device.from(floats(i + 5, length), shape));
        });
        using sgd = new SGD(parameters, { lr: 0.1 });
        sgd.step({ clip: { adaptive: 0.02 } });
        const limited = await Promise.all(parameters.map(({ grad }) => grad?.read()));
        for (const { value, grad } of parameters) for (const buffer of [value, grad]) buffer?.dispose();

        using table = new Embedding(20, 130, { sparse: true }).to(device, { seed: 2 });
        using adam = new AdamW(table.parameters(), { sparse: "catchUp" });
        using program = device.program({ rows: i32(50) }, ({ rows }) =>
          adam.minimize(mean(mul(table.forward(rows), 3)), { watch: 1 }),
        );
        for (let i = 0; i < 3; i++)
          await program.run({ rows: Int32Array.from(floats(i, 50, 0, 20), Math.floor) });
        return [limited, await adam.telemetry(), await table.state()];
      };
      expect(await run(cuda)).to.deep.equal(await run(cpu));
    });

    it("train images to the same bits", async () => {
      using cpu = await Device.open("cpu");
      using cuda = await Device.open("cuda");
      expect(await trainPictures(cuda)).to.deep.equal(await trainPictures(cpu));
    });

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
