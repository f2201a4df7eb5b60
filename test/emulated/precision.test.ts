// bf16 on the GPU: a program gives what it gives on the CPU but for rounding, and a GPU without it says so.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { Adam, crossEntropy, Device, f32, i32, Linear, relu, Sequential } from "../../lib/index.js";
import { distance, floats } from "../support/numbers.js";

const [BATCH, STEPS] = [16, 5];

/** The losses and the weights of a few steps. */
async function train(device: Device): Promise<[losses: number[], weights: Float32Array]> {
  using model = new Sequential(new Linear(20, 40), relu, new Linear(40, 5)).to(device, { seed: 2 });
  using adam = new Adam(model.parameters(), { lr: 1e-3 });
  using program = device.program(
    { x: f32(BATCH, 20), y: i32(BATCH) },
    ({ x, y }) => adam.minimize(crossEntropy(model.forward(x), y)),
    { precision: "bf16" },
  );
  const losses: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    const y = Int32Array.from({ length: BATCH }, (_, i) => (i + step) % 5);
    losses.push((await program.run({ x: floats(step, BATCH * 20), y })).loss);
  }
  return [losses, await (model.parameters()[0] as { value: { read(): Promise<Float32Array> } }).value.read()];
}

const PROGRAM = `
  const { Device, f32, gemm, matmul } = await import(${JSON.stringify(new URL("../../lib/index.ts", import.meta.url).href)});
  const device = await Device.open("cuda");
  const a = device.from(Float32Array.of(3), [1, 1]);
  const c = device.alloc("f32", [1, 1]);
  const caught = (body) => {
    try {
      body();
      return "nothing";
    } catch (error) {
      return error.code + ": " + error.message;
    }
  };
  const errors = [
    caught(() => gemm(c, a, a, { precision: "bf16" })),
    caught(() => device.program({}, () => matmul(a, a), { precision: "bf16" })),
    caught(() => device.program({}, () => matmul(a, a, { precision: "bf16" }))),
  ];
  gemm(c, a, a);
  console.log(JSON.stringify({ precisions: device.info.precisions, errors, product: (await c.read())[0] }));
  device.dispose();
`;

describe("bf16 on the GPU", () => {
  it("trains as the CPU does: losses and weights agree", async () => {
    using cpu = await Device.open("cpu");
    using cuda = await Device.open("cuda");
    const [[expected, weights], [losses, others]] = [await train(cpu), await train(cuda)];
    // Sums differ in the last bits of f32. One that lies where bf16 rounds up or down may be rounded otherwise later, a change
    // of 2^-8 in one of many terms; Adam's first steps are of +-lr, whatever the gradient is, but for one that is all rounding.
    expect(distance(losses, expected)).to.be.below(1e-4);
    expect(distance(others, weights)).to.be.below(1e-4);
  });

  it("takes compute capability 8.0: before, what asks for it says so, and f32 works", () => {
    const words = ["--import=tsx/esm", "--input-type=module", "--eval", PROGRAM];
    const cwd = fileURLToPath(new URL("../..", import.meta.url));
    const env = { ...process.env, ADASTEP_EMULATED_CC: "7.5" };
    const { stdout, stderr } = spawnSync(process.execPath, words, { cwd, env, encoding: "utf8" });
    expect(stderr).to.equal("");
    const { precisions, errors, product } = JSON.parse(stdout);
    expect(precisions).to.deep.equal(["f32"]);
    for (const error of errors)
      expect(error).to.match(
        /^ADASTEP_ARGUMENT: .*'precision': got "bf16" on cuda:0.*7\.5.*accepted: "f32" there/,
      );
    expect(product).to.equal(9);
  });
});
