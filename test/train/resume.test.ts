// A training that is saved in the middle and goes on elsewhere is the one that was never interrupted, bit for bit.

import { expect } from "chai";
import {
  crossEntropy,
  type Device,
  f32,
  i32,
  Linear,
  loadModel,
  loadOptimizer,
  relu,
  Sequential,
  saveModel,
  saveOptimizer,
  warmup,
} from "../../lib/index.js";
import {
  CLASSES,
  construct,
  describeVariant,
  OF_MATRICES,
  VARIANTS,
  type Variant,
} from "../optim/variants.js";
import { onEachDevice } from "../support/devices.js";
import { temporaryFolder } from "../support/folder.js";
import { floats, random } from "../support/numbers.js";

const [BATCH, FEATURES, CLASSES_OF_Y] = [8, 6, 3];
const BEFORE = 6;
const AFTER = 6;
const INFINITE = 3; // the step whose loss is: the guard skips it, and remembers

function batch(step: number): { x: Float32Array; y: Int32Array } {
  const next = random(step);
  const x = floats(step, BATCH * FEATURES);
  if (step === INFINITE) x[0] = Number.POSITIVE_INFINITY;
  return { x, y: Int32Array.from({ length: BATCH }, () => Math.floor(next() * CLASSES_OF_Y)) };
}

const SCHEDULE = warmup(8);

/** A new model with its optimizer and step, as a new process makes them. */
function start(device: Device, { class: name, options }: Variant) {
  const model = new Sequential(new Linear(FEATURES, 40), relu, new Linear(40, CLASSES_OF_Y));
  model.to(device, { seed: 3 });
  const parameters = model
    .parameters()
    .filter(({ shape }) => !OF_MATRICES.includes(name) || shape.length === 2);
  const bias = { match: (name: string) => name.endsWith("bias"), lr: 2e-3, weightDecay: 0 };
  const groups = name === "Prodigy" || OF_MATRICES.includes(name) ? [] : [bias];
  const averaged = name !== "ScheduleFreeAdamW"; // it keeps an average of its own
  const storage = { ...(averaged && { average: 0.9 }), lr: 1e-3, weightDecay: 0.01, groups, ...options };
  const optimizer = construct(name, parameters, storage);
  const program = device.program({ x: f32(BATCH, FEATURES), y: i32(BATCH) }, ({ x, y }) => {
    const loss = crossEntropy(model.forward(x), y);
    return optimizer.minimize(loss, { guard: {}, schedule: SCHEDULE, clip: { norm: 1 } });
  });
  const run = async (from: number, to: number): Promise<unknown[]> => {
    const results: unknown[] = [];
    for (let step = from; step < to; step++) results.push(await program.run(batch(step)));
    return results;
  };
  return {
    model,
    optimizer,
    run,
    [Symbol.dispose]: () => [program, optimizer, model].map((thing) => thing.dispose()),
  };
}

const packed = (name: Variant["class"], precision: string, options = {}): Variant => ({
  class: name,
  options: { ...options, precision, seed: 5 },
});

const LOW_PRECISION: readonly Variant[] = ["bf16", "u8"].flatMap((precision) => [
  packed("Adam", precision),
  packed("AdaGrad", precision),
  packed("SGD", precision, { momentum: 0.9 }),
]);

onEachDevice("a training resumed from files", (device) => {
  const path = temporaryFolder();
  const variants = [...VARIANTS, ...LOW_PRECISION];

  it("is tested for every class", () => {
    const names = variants.map(({ class: name }) => name);
    expect(new Set(names)).to.have.all.keys(Object.keys(CLASSES));
  });

  for (const variant of variants) {
    it(`${describeVariant(variant)}`, async () => {
      using whole = start(device(), variant);
      await whole.run(0, BEFORE);
      {
        using first = start(device(), variant);
        await first.run(0, BEFORE);
        const [group] = first.optimizer.groups;
        if (group) group.lr *= 0.5;
        await saveModel(first.model, path("model.safetensors"));
        await saveOptimizer(first.optimizer, path("optimizer.safetensors"));
      }
      const [group] = whole.optimizer.groups;
      if (group) group.lr *= 0.5;

      using second = start(device(), variant);
      await loadModel(second.model, path("model.safetensors"));
      const loaded = await loadOptimizer(second.optimizer, path("optimizer.safetensors"));
      expect(loaded).to.deep.include({ missing: [], unexpected: [] });
      const results = await second.run(BEFORE, BEFORE + AFTER);
      expect(results).to.deep.equal(await whole.run(BEFORE, BEFORE + AFTER));
      expect(await second.model.state()).to.deep.equal(await whole.model.state());
      expect(await second.optimizer.state()).to.deep.equal(await whole.optimizer.state());
      expect(await second.optimizer.events(), "decisions after the restart").to.deep.equal([]);
      expect((await whole.optimizer.events()).map(({ attempt }) => attempt)).to.deep.equal([INFINITE + 1]);
    });
  }
});
