// Optimizer states in files: what is in them, and what does not fit. That they continue a training is in resume.test.ts.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { expect } from "chai";
import {
  Adam,
  AdamW,
  Device,
  decodeSafetensors,
  encodeSafetensors,
  Linear,
  loadOptimizer,
  type SafetensorsTensor,
  Sequential,
  SGD,
  saveModel,
  saveOptimizer,
} from "../../lib/index.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";

describe("Optimizers in files", () => {
  const path = temporaryFolder();
  let device: Device;
  before(async () => {
    device = await Device.open("cpu");
  });
  after(() => device.dispose());

  const parametersOf = (inputs: number) => new Sequential(new Linear(inputs, 3)).to(device).parameters();

  it("states lie under <parameter>.<state> in the parameter's shape, scalars exactly in the metadata", async () => {
    const bias = { match: (name: string) => name === "0.bias", lr: 1 / 3 };
    using adamW = new AdamW(parametersOf(4), { lr: 0.1, groups: [bias] });
    for (let i = 0; i < 3; i++) adamW.step();
    const file = path("adamw.safetensors");
    await saveOptimizer(adamW, file, { note: "mine" });
    expect(await readdir(dirname(file)), "no unfinished file is left").to.deep.equal(["adamw.safetensors"]);

    const { tensors, metadata } = decodeSafetensors(await readFile(file));
    const names = ["0.weight", "0.bias"].flatMap((name) => [`${name}.exp_avg`, `${name}.exp_avg_sq`]);
    expect(Object.keys(tensors)).to.have.members([...names, "guard"]);
    expect(tensors["0.weight.exp_avg_sq"]).to.deep.include({ dtype: "F32", shape: [3, 4] });
    expect(tensors.guard?.dtype).to.equal("F64");
    const { running, groups } = await adamW.state();
    expect(metadata).to.include({ format: "pt", optimizer: "AdamW", rule: "adam", step: "3", note: "mine" });
    expect(JSON.parse(metadata.groups ?? "")).to.deep.equal(groups);
    expect(JSON.parse(metadata.running ?? "")).to.deep.equal(running);
    expect(JSON.parse(metadata.lr ?? "")).to.deep.equal([1 / 3, 0.1]);
    expect((await loadOptimizer(adamW, file)).metadata).to.deep.equal(metadata);
  });

  it("a file that does not fit names itself and what differs, and leaves the optimizer as it was", async () => {
    using adam = new Adam(parametersOf(4));
    adam.step();
    const before = await adam.state();
    const good = path("good.safetensors");
    await saveOptimizer(adam, good);
    const { tensors, metadata } = decodeSafetensors(await readFile(good));
    const vector = (length: number, shape = [length]): SafetensorsTensor => ({
      dtype: "F32",
      shape,
      data: new Float32Array(length),
    });
    const { guard: _guard, ...states } = tensors;
    const { step: _step, ...stepless } = metadata;
    const F64: SafetensorsTensor = { dtype: "F64", shape: [3, 4], data: new Float64Array(12) };
    const bad: [Record<string, SafetensorsTensor | undefined>, Record<string, string>, RegExp][] = [
      [states, metadata, /no F64 tensor "guard"/],
      [tensors, stepless, /metadata "step": got none/],
      [tensors, { ...metadata, step: "1.5" }, /does not fit the optimizer: Adam\.load: 'step'/],
      [tensors, { ...metadata, lr: "[0.1" }, /metadata "lr": got "\[0\.1".*JSON/],
      [tensors, { ...metadata, groups: "null" }, /tensor "0\.\w+\.exp_avg.*of the groups/],
      [tensors, { ...metadata, groups: '[["0.weight","0.bias"],3]' }, /does not fit the optimizer.*'state'/],
      [{ ...tensors, "0.weight.exp_avg": vector(12, [4, 3]) }, metadata, /exp_avg".*\[4, 3\].*\[3, 4\]/],
      [{ ...tensors, "0.weight.exp_avg": vector(11) }, metadata, /0\.weight\.exp_avg'.*11 elements/],
      [{ ...tensors, "0.weight.exp_avg": F64 }, metadata, /0\.weight\.exp_avg.*Float32Array/],
      [{ ...tensors, "1.weight.exp_avg": vector(1) }, metadata, /tensor "1\.weight\.exp_avg"/],
      [{ ...tensors, other: vector(1) }, metadata, /tensor "other"/],
      [{ ...tensors, "0.bias.sum": vector(3) }, metadata, /0\.bias\.sum/],
    ];
    const file = path("bad.safetensors");
    for (const [content, about, pattern] of bad) {
      await writeFile(
        file,
        Buffer.concat(encodeSafetensors(content as Record<string, SafetensorsTensor>, about)),
      );
      await expectError("ADASTEP_DATA", pattern, () => loadOptimizer(adam, file));
      await expectError("ADASTEP_DATA", /bad\.safetensors/, () => loadOptimizer(adam, file));
    }
    const model = path("model.safetensors");
    await saveModel(new Sequential(new Linear(4, 3)).to(device), model);
    await expectError("ADASTEP_DATA", /model\.safetensors/, () => loadOptimizer(adam, model));
    await expectError("ADASTEP_DATA", /none\.safetensors/, () =>
      loadOptimizer(adam, path("none.safetensors")),
    );
    using sgd = new SGD(parametersOf(4));
    await expectError("ADASTEP_DATA", /does not fit the optimizer: SGD\.load: 'rule'/, () =>
      loadOptimizer(sgd, good),
    );
    using wide = new Adam(parametersOf(5));
    await expectError("ADASTEP_DATA", /0\.weight\.exp_avg/, () => loadOptimizer(wide, good));
    expect(await adam.state()).to.deep.equal(before);
  });

  it("says what was missing and unexpected if it is not strict", async () => {
    using adam = new Adam(parametersOf(4));
    adam.step();
    const file = path("adam.safetensors");
    await saveOptimizer(adam, file);
    const [weight] = parametersOf(4);
    using one = new Adam(weight ? [weight] : []);
    await expectError("ADASTEP_DATA", /0\.bias\.exp_avg/, () => loadOptimizer(one, file));
    const { missing, unexpected } = await loadOptimizer(one, file, { strict: false });
    expect(missing).to.deep.equal([]);
    expect(unexpected).to.deep.equal(["0.bias.exp_avg", "0.bias.exp_avg_sq"]);
    expect((await one.state()).parameters["0.weight"]).to.deep.equal(
      (await adam.state()).parameters["0.weight"],
    );
  });

  it("optimizers without states have a file, too", async () => {
    using sgd = new SGD(parametersOf(4), { lr: 0.25 });
    sgd.step();
    await saveOptimizer(sgd, path("sgd.safetensors"));
    using other = new SGD(parametersOf(4));
    await loadOptimizer(other, path("sgd.safetensors"));
    expect(await other.state()).to.deep.equal(await sgd.state());
  });
});
