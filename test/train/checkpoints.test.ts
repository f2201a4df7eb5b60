// Checkpoints of runs: which are kept, and which are refused.

import { appendFile, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import {
  AdamW,
  Conv2d,
  crossEntropy,
  describeModel,
  EmbeddingBag,
  Linear,
  listCheckpoints,
  MaxPool2d,
  type Module,
  Sequential,
  SGD,
  Trainer,
  type TrainerOptions,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";
import { follow, isCheckpoint, type Make, mlp, RUN, start, stateOf, TRAIN } from "./checkpoint-support.js";

onEachDevice("Checkpoints", (device) => {
  const path = temporaryFolder();
  const make: Make = (p) => new AdamW(p, { lr: 2e-2 });

  it("are kept: the last ones and the best, by their evaluations, and no unfinished folder", async () => {
    const directory = path("kept");
    const keepBest = { metric: "accuracy" } as const;
    await using training = await start(device(), make, {
      checkpoints: { directory, every: { steps: 2 }, keepLast: 2, keepBest },
    });
    const evaluations = new Map<number, number>();
    const best: number[] = [];
    for await (const event of training.trainer.run(TRAIN, { ...RUN, evaluateEvery: 3 })) {
      if (event.type === "eval") evaluations.set(event.step, event.accuracy ?? Number.NaN);
      if (event.type === "checkpoint" && event.best) best.push(event.step);
    }
    // An evaluation that is better than all before is a checkpoint, whether one was due or not.
    let highest = Number.NEGATIVE_INFINITY;
    const expected = [...evaluations].flatMap(([step, accuracy]) => {
      if (!(accuracy > highest)) return [];
      highest = accuracy;
      return [step];
    });
    expect(expected, "there is something to tell apart").to.have.length.above(1);
    expect(best).to.deep.equal(expected);
    const entries = await listCheckpoints(directory);
    const steps = new Set([expected.at(-1), 22, 24]);
    expect(new Set(entries.map(({ step }) => step))).to.deep.equal(steps);
    expect(entries.find(({ step }) => step === expected.at(-1))?.figures?.accuracy).to.equal(highest);
    expect(await readdir(directory)).to.have.members(
      entries.map(({ number, step }) => `${String(number).padStart(6, "0")}-step-${step}`),
    );
  });

  it("of epochs are as far apart as asked, with one at the end, and the bits are the same", async () => {
    const states: unknown[] = [];
    const written = async (seconds: number, epochs: number, wait: number): Promise<number[]> => {
      const checkpoints = { directory: path(`apart-${states.length}`), every: { epochs: 1, seconds } };
      await using training = await start(device(), make, { checkpoints });
      const steps: number[] = [];
      for await (const event of training.trainer.run(TRAIN, { ...RUN, epochs })) {
        if (event.type === "checkpoint") steps.push(event.step);
        if (event.type === "epoch") await sleep(wait);
      }
      states.push(await stateOf(training));
      return steps;
    };
    expect(await written(0, 4, 0)).to.eql([8, 16, 24, 32]);
    expect(await written(3600, 4, 0)).to.eql([32]);
    expect(await written(0.2, 4, 250)).to.eql([8, 16, 24, 32]);
    expect(states[1]).to.eql(states[0]);
    expect(states[2]).to.eql(states[0]);
  });

  it("of the same step are one: that with the evaluation", async () => {
    const directory = path("same");
    await using training = await start(device(), make, {
      checkpoints: { directory, every: { steps: 4 }, keepLast: 3, keepBest: {} },
    });
    const { evaluateEvery: _, ...run } = RUN;
    const written: number[] = [];
    for await (const event of training.trainer.run(TRAIN, { ...run, epochs: 2 }))
      if (event.type === "checkpoint") written.push(event.step);
    expect(written, "the end of an epoch is evaluated after its last step").to.eql([4, 8, 8, 12, 16, 16]);
    const entries = await listCheckpoints(directory);
    expect(entries.map(({ step, figures }) => [step, figures !== undefined])).to.eql([
      [8, true],
      [12, false],
      [16, true],
    ]);
  });

  it("are refused where those of another training are, and those that are damaged, missing or of another training", async () => {
    const directory = path("bad");
    const checkpoints = { directory, every: { steps: 4 } };
    {
      await using first = await start(device(), make, { checkpoints });
      await follow(first, RUN, isCheckpoint(12));
    }
    await using fresh = await start(device(), make, { checkpoints });
    await expectError("ADASTEP_ARGUMENT", /holds a checkpoint of step 12.*Trainer\.resume/, () =>
      fresh.trainer.fit(TRAIN, RUN),
    );
    const before = await stateOf(fresh);
    const { trainer: _t, model, optimizer } = fresh;
    const parts = { device: device(), model, optimizer, loss: crossEntropy };
    const refuse = (from: string, pattern: RegExp, more: Partial<TrainerOptions> = { seed: 9 }) =>
      expectError("ADASTEP_DATA", pattern, () => Trainer.resume(from, { ...parts, ...more }));

    await refuse(path("none"), /none: got no checkpoint/);
    await refuse(path(""), /a folder without a checkpoint/);
    await refuse(join(import.meta.dirname, "checkpoints.test.ts"), /ENOTDIR/);
    await refuse(directory, /'seed': got 9 in the checkpoint, and 3/, { seed: 3 });
    using other = new Sequential(new Linear(4, 2)).to(device());
    await refuse(directory, /'model': got "Sequential/, {
      seed: 9,
      model: other,
      optimizer: make(other.parameters()),
    });
    const differ: [Module, Module, RegExp][] = [
      [new EmbeddingBag(9, 2), new EmbeddingBag(9, 2, { mode: "sum" }), /"mean".* and .*"sum"/],
      [
        new Conv2d(1, 2, 3, { padding: 1 }),
        new Conv2d(1, 2, 3, { stride: 2 }),
        /stride: \[1, 1\].*stride: \[2, 2\]/,
      ],
      [new MaxPool2d(2), new MaxPool2d(2, { padding: 1 }), /MaxPool2d\(2\).*padding: 1/],
    ];
    for (const [one, two, pattern] of differ) // of the same parameters, and not the same model
      expect(`${describeModel(one)} and ${describeModel(two)}`).to.match(pattern);
    using sgd = new SGD(model.parameters());
    await refuse(directory, /'optimizer': got "AdamW" in the checkpoint, and "SGD"/, {
      seed: 9,
      optimizer: sgd,
    });

    const { path: newest = "" } = (await listCheckpoints(directory)).at(-1) ?? {};
    const file = (name: string): string => join(newest, name);
    const damages: [name: string, damage: (path: string) => Promise<void>, pattern: RegExp][] = [
      ["model.safetensors", (f) => truncate(f, 100), /model\.safetensors: got 100 bytes/],
      ["model.safetensors", (f) => appendFile(f, "x"), /model\.safetensors: got \d+ bytes/],
      ["optimizer.safetensors", (f) => rm(f), /optimizer\.safetensors: got ENOENT/],
      [
        "optimizer.safetensors",
        async (f) => {
          const bytes = await readFile(f);
          bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 1;
          await writeFile(f, bytes);
        },
        /optimizer\.safetensors: got content with the SHA-256/,
      ],
      ["state.json", (f) => truncate(f, 200), /state\.json is no state of a checkpoint.*JSON/],
      ["state.json", (f) => writeFile(f, "[]"), /state\.json is no state of a checkpoint/],
      ["state.json", (f) => writeFile(f, '{"format":"mine"}'), /state\.json.*'format': got "mine"/],
      ["state.json", (f) => edit(f, (state) => Object.assign(state, { step: -1 })), /state\.json.*'step'/],
      ["state.json", (f) => edit(f, ({ position }) => Object.assign(position, { taken: 1.5 })), /'taken'/],
      ["state.json", (f) => edit(f, ({ position }) => Object.assign(position, { whole: [1] })), /'whole'/],
      ["state.json", (f) => edit(f, (state) => Object.assign(state, { files: {} })), /a record of its size/],
    ];
    for (const [name, damage, pattern] of damages) {
      const content = await readFile(file(name));
      await damage(file(name));
      await refuse(directory, pattern);
      await writeFile(file(name), content);
    }
    expect(await stateOf(fresh), "model and optimizer are as they were").to.deep.equal(before);

    await using resumed = await start(device(), make, { checkpoints }, directory);
    await expectError("ADASTEP_DATA", /'batchSize': got 4 in the checkpoint, and 5/, () =>
      resumed.trainer.fit(TRAIN, { ...RUN, batchSize: 5 }),
    );
    await using older = await start(device(), make, {}, (await listCheckpoints(directory))[0]?.path);
    expect(older.trainer.step, "one of them by its own folder").to.equal(4);
  });

  for (const keepBest of [undefined, { metric: "loss" } as const]) {
    const title = keepBest ? "; where the best is kept it stays, since it may be that" : "";
    it(`an older one that is damaged does not keep a run from going on${title}`, async () => {
      const directory = path("older");
      const checkpoints = { directory, every: { steps: 4 }, keepLast: 2, ...(keepBest && { keepBest }) };
      {
        await using first = await start(device(), make, { checkpoints });
        await follow(first, RUN, isCheckpoint(12));
      }
      const { path: damaged = "" } = (await listCheckpoints(directory)).at(-2) ?? {};
      await truncate(join(damaged, "state.json"), 0);
      await expectError("ADASTEP_DATA", /state\.json is no state/, () => listCheckpoints(directory));
      await using second = await start(device(), make, { checkpoints }, directory);
      await follow(second, RUN);
      expect(second.trainer.step).to.equal(24);
      const names = await readdir(directory);
      expect(names.includes(basename(damaged)), "it is there").to.equal(keepBest !== undefined);
      expect(names.filter((name) => /-step-(20|24)$/.test(name))).to.have.lengthOf(2);
      expect(names).to.have.lengthOf.below(5);
    });
  }

  it("hold the snapshots of a guard that rolls back, for one that keeps as many", async () => {
    const checkpoints = { directory: path("rings"), every: { steps: 4 } };
    const guard = { nan: "rollback", snapshotEvery: 2, snapshots: 2 } as const;
    let saved: unknown;
    {
      await using first = await start(device(), make, { checkpoints, guard });
      await follow(first, RUN, isCheckpoint(12));
      saved = await first.optimizer.snapshots.read(2);
    }
    await using same = await start(device(), make, { checkpoints, guard }, path("rings"));
    expect(await same.optimizer.snapshots.read(2)).to.deep.equal(saved);
    await using other = await start(device(), make, { guard: { ...guard, snapshots: 3 } }, path("rings"));
    expect(await other.optimizer.snapshots.read(3), "none before its first step").to.equal(undefined);
    await follow(other, RUN);
    await using none = await start(device(), make, { guard: {} }, path("rings"));
    await follow(none, RUN);
    using model = mlp().to(device(), { seed: 5 });
    using packed = new AdamW(model.parameters(), { precision: "bf16" }); // whose snapshots are smaller
    const before = [await model.state(), await packed.state()];
    const options = { device: device(), model, optimizer: packed, loss: crossEntropy, seed: 9, guard };
    await expectError("ADASTEP_DATA", /snapshots\.safetensors does not fit/, () =>
      Trainer.resume(path("rings"), options),
    );
    expect([await model.state(), await packed.state()], "as they were").to.deep.equal(before);
    const { path: newest = "" } = (await listCheckpoints(path("rings"))).at(-1) ?? {};
    await truncate(join(newest, "snapshots.safetensors"), 100);
    await expectError("ADASTEP_DATA", /snapshots\.safetensors: got 100 bytes/, () =>
      start(device(), make, { guard }, path("rings")),
    );
  });

  it("that cannot be written end the run with an error that names the folder, and its memory is freed", async () => {
    const directory = path("lost");
    await using training = await start(device(), make, { checkpoints: { directory, every: { steps: 3 } } });
    await training.trainer.fit(TRAIN, { ...RUN, fastDevRun: true }); // what the optimizer makes at its first step stays
    await device().sync();
    const { live } = device().memory();
    await expectError("ADASTEP_DATA", /lost.*ENOENT/, async () => {
      for await (const event of training.trainer.run(TRAIN, RUN))
        if (event.type === "step") await rm(directory, { recursive: true, force: true });
    });
    await device().sync();
    expect(device().memory().live).to.equal(live);
    await writeFile(path("file"), "");
    await using none = await start(device(), make, { checkpoints: { directory: path("file") } });
    await expectError("ADASTEP_DATA", /file/, () => none.trainer.fit(TRAIN, RUN));
    expect(none.trainer.step, "it is told before the first step").to.equal(0);
  });

  it("take options that are checked", async () => {
    const bad: [object, RegExp][] = [
      [{}, /'checkpoints.directory'/],
      [{ directory: "x", every: { steps: 1, epochs: 1 } }, /'checkpoints.every': got steps and epochs/],
      [{ directory: "x", every: { steps: 0 } }, /'checkpoints.every.steps'/],
      [{ directory: "x", every: {} }, /'checkpoints.every': got none/],
      [{ directory: "x", every: { seconds: 1 } }, /'checkpoints.every': got seconds, accepted: .* seconds }/],
      [{ directory: "x", every: { steps: 1, seconds: 1 } }, /'checkpoints.every': got steps and seconds/],
      [{ directory: "x", every: { epochs: 1, seconds: -1 } }, /'checkpoints.every.seconds': got -1/],
      [{ directory: "x", keepLast: 0 }, /'checkpoints.keepLast'/],
      [{ directory: "x", keepBest: { metric: "f1" } }, /'checkpoints.keepBest.mode'/],
      [{ directory: "x", keepbest: {} }, /"keepbest"/],
    ];
    for (const [checkpoints, pattern] of bad)
      await expectError("ADASTEP_ARGUMENT", pattern, () => start(device(), make, { checkpoints } as never));
    const keepBest = { metric: "f1", mode: "max" } as const;
    await using unknown = await start(device(), make, { checkpoints: { directory: path("f1"), keepBest } });
    await expectError("ADASTEP_ARGUMENT", /keepBest.metric': got "f1", accepted: .*loss, accuracy/, () =>
      unknown.trainer.fit(TRAIN, RUN),
    );
  });
});

async function edit(file: string, change: (state: { position: object }) => unknown): Promise<void> {
  const state = JSON.parse(await readFile(file, "utf8"));
  change(state);
  await writeFile(file, JSON.stringify(state));
}
