// The log of a run: what is read is what was told, damaged logs are told of, and resumed runs are one run.

import { appendFile, mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import {
  confusionMatrix,
  crossEntropy,
  follow,
  openRunLog,
  readRunLog,
  Trainer,
  type TrainerEvent,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";
import { clouds, makeTrainer } from "../train/support.js";

const EVENTS = "events.jsonl";
const STEP = {
  type: "step",
  step: 1,
  epoch: 1,
  loss: 1,
  gradNorm: 1,
  lr: 0.1,
  examplesPerSecond: 9,
} as const;

onEachDevice("the log of a run", (device) => {
  const folder = temporaryFolder();

  it("gives back each event of a training, and what the run was of", async () => {
    const metrics = { confusion: confusionMatrix(2) };
    const { model, optimizer, trainer } = makeTrainer(device(), { watch: 4, guard: {}, metrics });
    const told: TrainerEvent<typeof metrics>[] = [];
    {
      await using log = await openRunLog(folder("runs/a"), { trainer, config: { seed: 9, note: "first" } });
      const options = { epochs: 2, batchSize: 16, logEvery: 1, validation: clouds(40, 2) };
      await new Promise((resolve) => setTimeout(resolve, 3000)); // which is not part of the run
      for await (const event of follow(trainer.run(clouds(128), options), log)) {
        told.push(event as TrainerEvent<typeof metrics>);
      }
    }
    const run = await readRunLog(folder("runs/a"));
    expect(run.events[0]?.at, "seconds from the run's begin").to.be.below(3);
    const own = run.events.filter(({ type }) => type !== "memory");
    expect(own.map(({ at: _, ...event }) => event)).to.deep.equal(told);
    expect(run.name).to.equal("a");
    expect(run.config).to.deep.equal({ seed: 9, note: "first" });
    expect(run.description).to.deep.equal({
      ...{ model: "Sequential(Linear(4, 16), relu, Dropout(0.2), Linear(16, 2))", parameters: 114 },
      ...{ optimizer: "Adam", lr: 0.01, seed: 9, device: `${device()}` },
      stateBytes: optimizer.bytes.state,
    });
    const memory = run.events.filter((event) => event.type === "memory");
    expect(memory).to.have.lengthOf(2);
    expect(memory[1]?.live).to.be.within(4 * 114, device().memory().peak);
    const times = run.events.map((event) => event.at);
    expect(times).to.deep.equal([...times].sort((a, b) => a - b));
    expect(Date.now() - run.started.getTime()).to.be.within(0, 60_000);
    await trainer.dispose();
    optimizer.dispose();
    model.dispose();
  });

  it("keeps numbers that JSON does not have", async () => {
    await using log = await openRunLog(folder("odd"));
    log.write({
      ...STEP,
      loss: Number.NaN,
      gradNorm: Number.POSITIVE_INFINITY,
      lr: Number.NEGATIVE_INFINITY,
    });
    const metrics = { ratio: Number.NaN, name: "NaN" };
    log.write({ type: "eval", step: 1, epoch: 1, loss: 1, examples: 3, metrics: metrics as never });
    await log.close();
    await expectError("ADASTEP_DISPOSED", /log .*odd: got an event after close/, () => log.write(STEP));
    const { events } = await readRunLog(folder("odd"));
    const { loss, gradNorm, lr } = events[0] as typeof STEP;
    expect(loss).to.be.NaN;
    expect([gradNorm, lr]).to.deep.equal([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    expect((events[1] as unknown as { metrics: { ratio: number } }).metrics.ratio).to.be.NaN;
  });

  it("is one log of a run that was killed in the middle of a line and resumed from a checkpoint", async () => {
    const checkpoints = { directory: folder("checkpoints"), every: { steps: 6 } };
    const train = clouds(128);
    const options = { epochs: 3, batchSize: 16, logEvery: 1 };
    const begun = makeTrainer(device(), { checkpoints });
    const whole: number[] = [];
    for await (const event of begun.trainer.run(train, options))
      if (event.type === "step") whole.push(event.loss);
    await begun.trainer.dispose();
    begun.optimizer.dispose();
    begun.model.dispose();

    const first = makeTrainer(device(), { checkpoints: { ...checkpoints, directory: folder("killed") } });
    const log = await openRunLog(folder("log"), { trainer: first.trainer });
    for await (const event of follow(first.trainer.run(train, options), log)) {
      if (event.type === "step" && event.step === 10) break;
    }
    await log.close();
    await first.trainer.dispose();
    first.optimizer.dispose();
    first.model.dispose();
    const size = (await readFile(join(folder("log"), EVENTS))).length;
    await truncate(join(folder("log"), EVENTS), size - 20);
    const cut = await readRunLog(folder("log"));
    expect(cut.events.at(-1)).to.include({ type: "step", step: 9 });

    const { model, optimizer } = makeTrainer(device());
    const again = { device: device(), model, optimizer, loss: crossEntropy, seed: 9 };
    const trainer = await Trainer.resume(folder("killed"), {
      ...again,
      checkpoints: { ...checkpoints, directory: folder("killed") },
    });
    await using resumed = await openRunLog(folder("log"), { trainer, resume: true });
    for await (const _ of follow(trainer.run(train, options), resumed)); // to the end
    await resumed.close();
    const run = await readRunLog(folder("log"));
    const steps = run.events.filter((event) => event.type === "step");
    expect(steps.map(({ step }) => step)).to.deep.equal(Array.from({ length: 24 }, (_, i) => i + 1));
    expect(steps.map((event) => event.loss)).to.deep.equal(whole);
    expect(run.events.filter(({ type }) => type === "end")).to.have.lengthOf(1);
    const times = run.events.map((event) => event.at);
    expect(times).to.deep.equal([...times].sort((a, b) => a - b));
    await trainer.dispose();
    optimizer.dispose();
    model.dispose();
  });

  it("does not write over another log, and says what is wrong with options", async () => {
    await (await openRunLog(folder("taken"))).close();
    await expectError("ADASTEP_DATA", /taken.*resume: true/, () => openRunLog(folder("taken")));
    await expectError("ADASTEP_DATA", /dev\/null/, () => openRunLog("/dev/null/run"));
    const wrong: Record<string, unknown> = { trainer: {}, name: "", config: [], resume: 1, level: 2 };
    for (const [name, value] of Object.entries(wrong)) {
      await expectError("ADASTEP_ARGUMENT", new RegExp(name), () =>
        openRunLog(folder("wrong"), { [name]: value } as never),
      );
    }
    await expectError("ADASTEP_ARGUMENT", /'folder'/, () => openRunLog("" as never));
  });

  it("tells file, line and field of what is no log", async () => {
    const path = folder("bad");
    await expectError("ADASTEP_DATA", /bad\/config\.json/, () => readRunLog(path));
    await mkdir(path);
    await writeFile(join(path, "config.json"), '{"format":"another"}');
    await expectError("ADASTEP_DATA", /format: got "another", accepted: "adastep log 1"/, () =>
      readRunLog(path),
    );
    await (await openRunLog(folder("lines"))).close();
    const events = join(folder("lines"), EVENTS);
    const line = JSON.stringify({ at: 1, ...STEP });
    const damaged: readonly (readonly [text: string, message: RegExp])[] = [
      ["{", /line 2.*JSON/],
      ["[]", /line 2.*an object/],
      [line.replace('"step"', '"leap"'), /line 2: type.*"leap"/],
      [line.replace('"loss":1', '"loss":"1"'), /line 2: loss.*a number/],
      [line.replace(',"lr":0.1', ""), /line 2: lr.*undefined/],
      [line.replace('"epoch":1', '"epoch":null'), /line 2: epoch.*null/],
      ['{"type":"telemetry","at":1,"step":1,"epoch":1,"parameters":[{"name":1}]}', /parameters\[0\]: name/],
    ];
    for (const [text, message] of damaged) {
      await writeFile(events, `${line}\n${text}\n${line}\n`);
      await expectError("ADASTEP_DATA", message, () => readRunLog(folder("lines")));
    }
    await writeFile(events, `${line}\n`);
    await appendFile(events, line.slice(0, 30));
    expect((await readRunLog(folder("lines"))).events).to.have.lengthOf(1);
  });
});
