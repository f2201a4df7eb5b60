// Models as ONNX files give in onnxruntime what they give here.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { expect } from "chai";
import type * as Onnx from "onnxruntime-node";
import {
  AvgPool2d,
  abs,
  add,
  BatchNorm,
  Conv2d,
  crossEntropy,
  Device,
  Dropout,
  Embedding,
  EmbeddingBag,
  encodeOnnx,
  exp,
  exportOnnx,
  f32,
  flatten,
  gelu,
  type InputSpec,
  i32,
  type Layer,
  LayerNorm,
  Linear,
  log,
  logSoftmax,
  MaxPool2d,
  Module,
  MultiHeadAttention,
  neg,
  type OnnxEntry,
  onnxExporter,
  RMSNorm,
  relu,
  Sequential,
  SGD,
  sigmoid,
  silu,
  softmax,
  sqrt,
  square,
  type Tensor,
  Trainer,
  tanh,
  type Value,
} from "../../lib/index.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";
import { random } from "../support/numbers.js";

const ort = createRequire(import.meta.url)("onnxruntime-node") as typeof Onnx;

/** f32 rounds at 6e-8; values are near 1 and sums are of at most a few hundred. */
const TOLERANCE = 1e-5;

type Input = InputSpec<"f32" | "i32">;

/** Models by name: the layers, one example of the input, and for indices how many there are. */
const MODELS: Record<string, { layers: () => Layer[]; input: Input; rows?: number }> = {
  "Linear, with and without bias": {
    layers: () => [new Linear(5, 7), new Linear(7, 3, { bias: false })],
    input: f32(5),
  },
  "Linear on more dimensions": {
    layers: () => [new Linear(5, 7), relu, new Linear(7, 3, { bias: false })],
    input: f32(4, 5),
  },
  "Dropout, which is off": { layers: () => [new Linear(5, 7), new Dropout(0.9), relu], input: f32(5) },
  "a Sequential in a Sequential, and flatten": {
    layers: () => [new Sequential(new Linear(4, 6), relu), flatten, new Sequential(new Linear(18, 2))],
    input: f32(3, 4),
  },
  "LayerNorm and RMSNorm": {
    layers: () => [new Linear(6, 8), new LayerNorm(8, { eps: 1e-3 }), new RMSNorm(8), new Linear(8, 2)],
    input: f32(3, 6),
  },
  "BatchNorm of features": { layers: () => [new Linear(5, 7), new BatchNorm(7), relu], input: f32(5) },
  "Conv2d, BatchNorm and pooling": {
    layers: () => [
      new Conv2d(3, 6, [3, 2], { padding: [1, 0], stride: [1, 2] }),
      new BatchNorm(6, { eps: 1e-3 }),
      relu,
      new MaxPool2d([3, 2], { stride: 2, padding: [1, 0] }),
      new Conv2d(6, 4, 1, { bias: false }),
      new AvgPool2d(2, { stride: 1, padding: 1 }),
      flatten,
      new Linear(96, 3), // [5, 3] windows after the pool, 6 x 4 x 4 after the mean
    ],
    input: f32(9, 12, 3),
  },
  Embedding: { layers: () => [new Embedding(11, 6), new Linear(6, 3)], input: i32(7), rows: 11 },
  "Embedding of one index": {
    layers: () => [new Embedding(11, 6), new Linear(6, 3)],
    input: i32(),
    rows: 11,
  },
  "EmbeddingBag, mean": { layers: () => [new EmbeddingBag(11, 6)], input: i32(4), rows: 11 },
  "EmbeddingBag, sum": { layers: () => [new EmbeddingBag(11, 6, { mode: "sum" })], input: i32(4), rows: 11 },
  MultiHeadAttention: { layers: () => [new Linear(8, 12), new MultiHeadAttention(12, 3)], input: f32(5, 8) },
  "MultiHeadAttention, causal, without bias": {
    layers: () => [new Embedding(11, 12), new MultiHeadAttention(12, 2, { causal: true, bias: false })],
    input: i32(6),
    rows: 11,
  },
};
for (const f of [relu, gelu, silu, tanh, sigmoid, abs, exp, neg, square, softmax, logSoftmax]) {
  MODELS[`the function ${f.name}`] = {
    layers: () => [new Linear(5, 7), f as Layer],
    input: f32(5),
  };
}
MODELS["sqrt and log"] = { layers: () => [new Linear(5, 7), square, exp, sqrt, log], input: f32(5) };

/** A residual block, which only its own exporter can tell. */
class Residual extends Module {
  readonly inner = new Linear(6, 6);
  forward(x: Value): Tensor {
    return add(x as Tensor, relu(this.inner.forward(x)));
  }
}

const residual = onnxExporter(Residual, (module, x, { graph, layer }, path) => {
  const inside = layer(relu, `${path}.relu`, layer(module.inner, `${path}.inner`, x));
  return { ...inside, name: graph.node("Add", [x.name, inside.name]) };
});

describe("export to ONNX", () => {
  const file = temporaryFolder();
  let device: Device;
  before(async () => {
    device = await Device.open("cpu");
  });
  after(() => device[Symbol.dispose]());

  /** Inputs for so many examples. */
  function inputsOf({ dtype, shape }: Input, batch: number, rows = 0): Float32Array | Int32Array {
    const next = random(batch);
    const length = shape.reduce((product, size) => product * size, batch);
    return dtype === "f32"
      ? Float32Array.from({ length }, () => 4 * next() - 2)
      : Int32Array.from({ length }, () => Math.floor(next() * rows));
  }

  async function here(
    model: Module,
    { dtype, shape }: Input,
    batch: number,
    data: Float32Array | Int32Array,
  ) {
    const spec = dtype === "f32" ? f32(batch, ...shape) : i32(batch, ...shape);
    using program = device.program({ x: spec }, ({ x }) => model.forward(x));
    return (await program.run({ x: data as Float32Array & Int32Array })) as Float32Array;
  }

  async function there(
    session: Onnx.InferenceSession,
    { dtype, shape }: Input,
    batch: number,
    data: Float32Array | Int32Array,
  ) {
    const dims = [batch, ...shape];
    const input =
      dtype === "f32"
        ? new ort.Tensor("float32", data as Float32Array, dims)
        : new ort.Tensor("int32", data as Int32Array, dims);
    const { output } = await session.run({ input });
    return output as Onnx.Tensor;
  }

  /** Expects onnxruntime to give what the model gives, for several batches by one file. */
  async function expectSame(model: Module, input: Input, rows?: number, exporters?: OnnxEntry[]) {
    const path = file("model.onnx");
    await exportOnnx(model, path, { input, ...(exporters && { exporters }) });
    const session = await ort.InferenceSession.create(path);
    for (const batch of [1, 3, 16]) {
      const data = inputsOf(input, batch, rows);
      const [expected, got] = [
        await here(model, input, batch, data),
        await there(session, input, batch, data),
      ];
      expect(got.dims[0], "batch").to.equal(batch);
      expect(got.data).to.have.lengthOf(expected.length);
      const largest = expected.reduce((most, value, i) => {
        return Math.max(most, Math.abs(value - Number(got.data[i])) / Math.max(1, Math.abs(value)));
      }, 0);
      expect(largest, `difference, batch ${batch}`).to.be.below(TOLERANCE);
    }
    await session.release();
  }

  for (const [name, { layers, input, rows }] of Object.entries(MODELS)) {
    it(`says ${name}`, async () => {
      using model = new Sequential(...layers()).to(device, { seed: 3 });
      await expectSame(model, input, rows);
    });
  }

  it("says the statistics that batch normalisation has learned", async () => {
    using model = new Sequential(new Linear(5, 7), new BatchNorm(7), new Linear(7, 3)).to(device, {
      seed: 3,
    });
    using optimizer = new SGD(model.parameters(), { lr: 0.1 });
    using step = device.program({ x: f32(16, 5), y: i32(16) }, ({ x, y }) =>
      optimizer.minimize(crossEntropy(model.forward(x), y)),
    );
    const x = inputsOf(f32(5), 16) as Float32Array;
    for (let i = 0; i < 20; i++) await step.run({ x, y: new Int32Array(16).map((_, j) => j % 3) });
    const { data } = (await model.state())["1.running_mean"] as { data: Float32Array };
    expect(Math.hypot(...data), "what was learned").to.be.above(0.1);
    await expectSame(model, f32(5));
  });

  it("says a single layer, a parameter in two places once, and a model without layers", async () => {
    using single = new Linear(5, 2).to(device);
    await expectSame(single, f32(5));
    const shared = new Linear(6, 6);
    using twice = new Sequential(shared, relu, shared).to(device);
    await expectSame(twice, f32(6));
    const bytes = (await encodeOnnx(twice, { input: f32(6) })).reduce((sum, { length }) => sum + length, 0);
    expect(bytes, "36 weights of 4 bytes once, and the graph").to.be.within(168, 168 + 600);
    const path = file("empty.onnx");
    await exportOnnx(new Sequential(), path, { input: f32(2) });
    const session = await ort.InferenceSession.create(path);
    const { data } = await there(session, f32(2), 1, Float32Array.of(3, -4));
    expect([...(data as Float32Array)]).to.deep.equal([3, -4]);
    const pool = new Sequential(new MaxPool2d(2), flatten);
    await expectSame(pool, f32(4, 4, 3));
  });

  it("says the factor on the inputs, so that outputs are the trainer's for what the trainer takes", async () => {
    using model = new Sequential(new Conv2d(1, 3, 3), relu, flatten, new Linear(12, 2)).to(device, {
      seed: 5,
    });
    using optimizer = new SGD(model.parameters(), { lr: 0.1 });
    const parts = { device, model, optimizer, loss: crossEntropy, inputScale: 1 / 255 };
    await using trainer = new Trainer(parts);
    const next = random(7);
    const pixels = Uint8Array.from({ length: 3 * 16 }, () => Math.floor(256 * next()));
    const expected = await trainer.predict({ data: pixels, shape: [4, 4, 1] });
    const [path, input] = [file("scaled.onnx"), f32(4, 4, 1)];
    await exportOnnx(model, path, { input, inputScale: parts.inputScale });
    const session = await ort.InferenceSession.create(path);
    const { data } = await there(session, input, 3, Float32Array.from(pixels));
    await session.release();
    expect(data).to.have.lengthOf(6);
    [...(data as Float32Array)].forEach((value, i) => {
      expect(value).to.be.closeTo(Number(expected.data[i]), TOLERANCE);
    });
    await expectError("ADASTEP_ARGUMENT", /'inputScale': got 0/, () =>
      encodeOnnx(model, { input, inputScale: 0 }),
    );
    using table = new Embedding(3, 2).to(device);
    await expectError("ADASTEP_DTYPE", /'inputScale': got 2 for an input i32/, () =>
      encodeOnnx(table, { input: i32(4), inputScale: 2 }),
    );
  });

  it("says modules of one's own by the exporters that are given", async () => {
    using model = new Sequential(new Residual(), new Residual(), new Linear(6, 2)).to(device, { seed: 4 });
    await expectSame(model, f32(6), undefined, [residual]);
  });

  it("keeps values apart whose names are the same", async () => {
    class Shift extends Module {
      readonly names = ["input", "output", "Add_0", "Add_1", "f32:2"];
      readonly parts = this.names.map((_, i) => this.declare([4], (value) => value.fill(i + 1)));
      protected override fields(): Iterable<[string, unknown]> {
        return this.names.map((name, i) => [name, this.parts[i]]);
      }
      forward(x: Value): Tensor {
        return this.parts.reduce((sum, { parameter }) => add(sum, parameter), x as Tensor);
      }
    }
    const shift = onnxExporter(Shift, ({ parts }, x, { graph, parameter }) => {
      const two = graph.node("Sub", [graph.node("Add", [x.name, graph.number(2)]), graph.number(2)]);
      const name = parts.reduce((sum, part) => graph.node("Add", [sum, parameter(part)]), two);
      return { ...x, name };
    });
    using model = new Shift().to(device);
    await expectSame(model, f32(4), undefined, [shift]);
  });

  it("keeps the names of parameters, opset 17 and an open batch", async () => {
    using model = new Sequential(new Linear(4, 3), relu, new Linear(3, 2)).to(device);
    const path = file("names.onnx");
    await exportOnnx(model, path, { input: f32(4) });
    const text = (await readFile(path)).toString("latin1");
    for (const name of ["0.weight", "0.bias", "2.weight", "2.bias", "batch", "adastep"]) {
      expect(text).to.include(name);
    }
    const session = await ort.InferenceSession.create(path);
    expect(session.inputNames).to.deep.equal(["input"]);
    expect(session.outputNames).to.deep.equal(["output"]);
    const [metadata] = session.inputMetadata;
    expect(metadata).to.deep.include({ name: "input", isTensor: true, type: "float32", shape: ["batch", 4] });
  });

  it("names what it cannot say", async () => {
    using own = new Sequential(new Linear(6, 6), new Sequential(new Residual())).to(device);
    await expectError("ADASTEP_ARGUMENT", /layer "1\.0": got a Residual, accepted: Sequential, Linear/, () =>
      exportOnnx(own, file("a.onnx"), { input: f32(6) }),
    );
    using nameless = new Sequential(new Linear(6, 6), (x: Tensor) => square(x)).to(device);
    await expectError("ADASTEP_ARGUMENT", /layer "1": got a function/, () =>
      exportOnnx(nameless, file("a.onnx"), { input: f32(6) }),
    );
    class Wider extends Linear {}
    using derived = new Sequential(new Wider(6, 6)).to(device);
    await expectError("ADASTEP_ARGUMENT", /layer "0": got a Wider/, () =>
      exportOnnx(derived, file("a.onnx"), { input: f32(6) }),
    );
  });

  it("refuses inputs that do not fit, and options that are none", async () => {
    using model = new Sequential(new Linear(6, 6)).to(device);
    await expectError("ADASTEP_SHAPE", /\[1, 5\]/, () => encodeOnnx(model, { input: f32(5) }));
    const bare = new Sequential(new MaxPool2d(5), flatten); // without parameters, on no device
    for (const input of [f32(2, 2, 3), f32(8)])
      await expectError("ADASTEP_SHAPE", /maxPool2d/, () => encodeOnnx(bare, { input }));
    await expectError("ADASTEP_ARGUMENT", /'input'/, () => encodeOnnx(model, { input: 5 as never }));
    await expectError("ADASTEP_ARGUMENT", /'input'/, () =>
      encodeOnnx(model, { input: { dtype: "u8", shape: [6] } as never }),
    );
    await expectError("ADASTEP_ARGUMENT", /'model'/, () => encodeOnnx({} as never, { input: f32(5) }));
    await expectError("ADASTEP_ARGUMENT", /"opset"/, () =>
      encodeOnnx(model, { input: f32(6), opset: 3 } as never),
    );
    await expectError("ADASTEP_ARGUMENT", /without a device/, () =>
      encodeOnnx(new Linear(6, 6), { input: f32(6) }),
    );
    await expectError("ADASTEP_DATA", /nowhere/, () =>
      exportOnnx(model, "/nowhere/model.onnx", { input: f32(6) }),
    );
    const wrong = onnxExporter(Linear, (_, x) => ({ ...x, shape: [1] }));
    await expectError("ADASTEP_SHAPE", /\[1\] from the exporters/, () =>
      encodeOnnx(model, { input: f32(6), exporters: [wrong] }),
    );
  });
});
