// Models in files: what is in them, what comes back, and what does not fit.

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import {
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
