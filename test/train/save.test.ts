// Models in files: what is in them, what comes back, and what does not fit.

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import {
  BatchNorm,
  Device,
  decodeSafetensors,
  Linear,
  loadModel,
  Sequential,
  saveModel,
  tanh,
} from "../../lib/index.js";
import { expectError } from "../support/errors.js";
import { clouds, makeTrainer, parametersOf } from "./support.js";

type TorchTensor = readonly [dtype: string, shape: readonly number[], data: NodeJS.TypedArray];

/** The chunks of a file with tensors of types that are not written here. */
function torchFile(tensors: Readonly<Record<string, TorchTensor>>): Uint8Array[] {
  let end = 0;
  const members = Object.entries(tensors).map(([name, [dtype, shape, { byteLength }]]) => {
    const begin = end;
    end += byteLength;
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  const text = Buffer.from(JSON.stringify(Object.fromEntries(members)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const data = Object.values(tensors).map(([, , { buffer, byteOffset, byteLength }]) => {
    return Buffer.from(buffer, byteOffset, byteLength);
  });
  return [length, text, ...data];
}

describe("Models in files", () => {
  let device: Device;
  let folder: string;
  before(async () => {
    device = await Device.open("cpu");
    folder = await mkdtemp(join(tmpdir(), "adastep-save-"));
  });
  after(async () => {
    device.dispose();
    await rm(folder, { recursive: true });
  });

  it("trainer.save writes parameters by PyTorch's names, and loadModel brings them back bit for bit", async () => {
    const path = join(folder, "model.safetensors");
    const { trainer, model } = makeTrainer(device);
    await trainer.fit(clouds(40), { epochs: 2, batchSize: 8 });
    await trainer.save(path);

    const { tensors, metadata } = decodeSafetensors(await readFile(path));
    expect(Object.keys(tensors)).to.have.members(["0.weight", "0.bias", "3.weight", "3.bias"]);
    expect(tensors["0.weight"]).to.include({ dtype: "F32" });
    expect(tensors["0.weight"]?.shape).to.eql([16, 4]);
    expect(metadata.format).to.equal("pt");
    expect(metadata.adastep).to.match(/^\d+\.\d+\.\d+/);
    expect(metadata.model).to.equal("Sequential(Linear(4, 16), relu, Dropout(0.2), Linear(16, 2))");

    const other = makeTrainer(device, { seed: 77 });
    await other.trainer.fit(clouds(8), { epochs: 1, batchSize: 8 });
    expect(await loadModel(other.model, path)).to.include({ format: "pt" });
    expect(await parametersOf(other.model)).to.eql(await parametersOf(model));
    expect(await other.trainer.evaluate(clouds(30, 8))).to.eql(await trainer.evaluate(clouds(30, 8)));
    expect(await readdir(folder), "no unfinished file is left").to.eql(["model.safetensors"]);
  });

  it("a file that does not fit names itself and what differs, and leaves the model as it was", async () => {
    const path = join(folder, "small.safetensors");
    await saveModel(new Sequential(new Linear(4, 3), tanh, new Linear(3, 2)).to(device), path);
    const { model } = makeTrainer(device);
    const before = await parametersOf(model);
    await expectError("ADASTEP_DATA", /small\.safetensors does not fit the model: .*0\.weight|option/, () =>
      loadModel(model, path),
    );
    const one = join(folder, "one.safetensors");
    await saveModel(new Sequential(new Linear(4, 16)).to(device), one);
    await expectError("ADASTEP_DATA", /one\.safetensors does not fit the model: .*3\.weight/, () =>
      loadModel(model, one),
    );
    expect(await parametersOf(model)).to.eql(before);
  });

  it("a state_dict of PyTorch's: counts of batches are left out, halves are read as what they are", async () => {
    const path = join(folder, "torch.safetensors");
    const write = (tensors: object) => writeFile(path, torchFile(tensors as Parameters<typeof torchFile>[0]));
    const norm = {
      "1.num_batches_tracked": ["I64", [], BigInt64Array.of(7n)],
      "1.bias": ["F32", [3], Float32Array.of(1, 2, 3)],
      "1.running_mean": ["F32", [3], Float32Array.of(4, 5, 6)],
      "1.running_var": ["F32", [3], Float32Array.of(7, 8, 9)],
      "1.weight": ["F32", [3], Float32Array.of(10, 11, 12)],
      "0.weight": ["BF16", [3, 1], Uint16Array.of(0x3f80, 0xc049, 0x7f00)],
      "0.bias": ["F16", [3], Uint16Array.of(0x3c00, 0xc248, 0x0001)],
    } as const;
    const model = new Sequential(new Linear(1, 3), new BatchNorm(3)).to(device);
    await write(norm);
    await loadModel(model, path);
    const state = await model.state();
    expect(Object.fromEntries(Object.entries(state).map(([name, { data }]) => [name, [...data]]))).to.eql({
      "0.weight": [1, -3.140625, 2 ** 127],
      "0.bias": [1, -3.140625, 2 ** -24],
      "1.weight": [10, 11, 12],
      "1.bias": [1, 2, 3],
      "1.running_mean": [4, 5, 6],
      "1.running_var": [7, 8, 9],
    });
    const single = new BatchNorm(3).to(device);
    const own = Object.entries(norm).flatMap(([name, tensor]) => {
      return name.startsWith("1.") ? [[name.slice(2), tensor] as const] : [];
    });
    await write(Object.fromEntries(own));
    await loadModel(single, path);
    expect([...((await single.state()).running_var?.data ?? [])]).to.eql([7, 8, 9]);
    await write({ ...norm, "0.num_batches_tracked": norm["1.num_batches_tracked"] });
    await expectError("ADASTEP_DATA", /torch\.safetensors, tensor "0\.num_batches_tracked"/, () =>
      loadModel(model, path),
    );
  });

  it("a file that is missing, cut short or elsewhere", async () => {
    const { trainer, model } = makeTrainer(device);
    await expectError("ADASTEP_DATA", /nowhere\.safetensors/, () =>
      loadModel(model, join(folder, "nowhere.safetensors")),
    );
    const whole = join(folder, "whole.safetensors");
    await trainer.save(whole);
    const cut = join(folder, "cut.safetensors");
    await writeFile(cut, (await readFile(whole)).subarray(0, 300));
    await expectError("ADASTEP_DATA", /cut\.safetensors/, () => loadModel(model, cut));
    await expectError("ADASTEP_DATA", /no\/such\/folder/, () =>
      trainer.save(join(folder, "no/such/folder/x.safetensors")),
    );
  });
});
