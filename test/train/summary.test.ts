// Summaries of models: their parts by hand, and the memory of training as it is when it is allocated.

import { expect } from "chai";
import {
  AdamW,
  crossEntropy,
  Device,
  Embedding,
  f32,
  flatten,
  i32,
  LayerNorm,
  Linear,
  Module,
  relu,
  Sequential,
  SGD,
  summarize,
  type Tensor,
  type Value,
} from "../../lib/index.js";
import { expectError } from "../support/errors.js";

class Tied extends Module {
  readonly scale = this.declare([3], (buffer) => buffer.write(new Float32Array(3)));
  readonly blocks = [new Linear(3, 3), new Sequential(new Linear(3, 5), new LayerNorm(5))];
  readonly again = this.blocks[0]; // used twice, counted once
  forward(x: Value): Tensor {
    return (this.blocks[0] as Linear).forward(x);
  }
}

describe("summarize", () => {
  it("lists modules with parameters, by their names, without a device", () => {
    const model = new Sequential(new Linear(784, 128), relu, new Linear(128, 10));
    const summary = summarize(model);
    expect(summary.parts.map(({ name, module, elements, bytes }) => [name, module, elements, bytes])).to.eql([
      ["0", "Linear(784, 128)", 784 * 128 + 128, 4 * (784 * 128 + 128)],
      ["2", "Linear(128, 10)", 1290, 5160],
    ]);
    expect(summary.parts[0]?.parameters).to.eql([
      { name: "0.weight", shape: [128, 784], elements: 100352, bytes: 401408, sparse: false },
      { name: "0.bias", shape: [128], elements: 128, bytes: 512, sparse: false },
    ]);
    expect([summary.elements, summary.bytes]).to.eql([101770, 407080]);
    expect(summary.memory).to.equal(undefined);
    expect(String(summary)).to.equal(
      [
        "part  module            parameters      bytes",
        "0     Linear(784, 128)     100,480  392.5 KiB  weight [128, 784], bias [128]",
        "2     Linear(128, 10)        1,290    5.0 KiB  weight [10, 128], bias [10]",
        "      in all               101,770  397.5 KiB",
      ].join("\n"),
    );
  });

  it("finds parameters of the model itself, in arrays and in modules of modules, each once", () => {
    const { parts } = summarize(new Tied());
    const names = Object.fromEntries(
      parts.map(({ name, parameters }) => [name, parameters.map((p) => p.name)]),
    );
    const declared = [...new Tied().declared()].map(([name]) => name);
    expect(Object.values(names).flat()).to.have.members(declared);
    expect(names[""]).to.eql(["scale"]);
    expect(names["blocks.0"]).to.eql(["blocks.0.weight", "blocks.0.bias"]);
    expect(parts.find(({ name }) => name === "blocks.1.1")?.module).to.match(/^LayerNorm/);
  });

  it("says which tables are sparse", () => {
    const model = new Sequential(
      new Embedding(100, 8, { sparse: true }),
      (x) => flatten(x),
      new Linear(16, 2),
    );
    expect(summarize(model).parts[0]?.parameters).to.eql([
      { name: "0.weight", shape: [100, 8], elements: 800, bytes: 3200, sparse: true },
    ]);
  });

  it("knows the memory of training to the byte", async () => {
    const make = () => new Sequential(new Linear(6, 40), relu, new Linear(40, 3));
    const batch = { x: f32(8, 6), y: i32(8) };
    for (const [Class, options] of [
      [AdamW, { average: 0.9 }],
      [SGD, { precision: "bf16", momentum: 0.9 }],
    ] as const) {
      const { memory } = summarize(make(), {
        optimizer: { optimizer: Class, options },
        batch,
        loss: crossEntropy,
      });
      using device = await Device.open("cpu");
      using model = make().to(device);
      using optimizer = new Class(model.parameters(), options as never);
      using program = device.program(batch, ({ x, y }) =>
        optimizer.minimize(crossEntropy(model.forward(x), y)),
      );
      expect(memory?.total, String(program.bytes.arena)).to.equal(device.memory().live);
      expect(memory?.state).to.equal(optimizer.bytes.state);
    }
    expect(String(summarize(make(), { optimizer: AdamW }))).to.match(/training: parameters .*, total /);
  });

  it("refuses what is no model, and a batch without an optimizer", async () => {
    await expectError("ADASTEP_ARGUMENT", /summarize: 'model'/, () => summarize(5 as never));
    await expectError("ADASTEP_ARGUMENT", /summarize: 'average': got no 'optimizer'/, () =>
      summarize(new Linear(1, 1), { average: 0.9 }),
    );
    await expectError("ADASTEP_ARGUMENT", /summarize: option/, () =>
      summarize(new Linear(1, 1), { lr: 1 } as never),
    );
  });
});
