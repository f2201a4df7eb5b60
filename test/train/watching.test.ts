// What a run tells about itself: telemetry of its steps, and a profile of where its time goes.

import { readFile } from "node:fs/promises";
import { expect } from "chai";
import type { StepEvent, TelemetryEvent, TrainerEvent } from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";
import { clouds, makeTrainer } from "./support.js";

const TRAIN = clouds(40);

onEachDevice("Trainer: telemetry", (device) => {
  it("comes every so many steps, of exactly that step", async () => {
    const { trainer, model } = makeTrainer(device(), { watch: 3, clip: { norm: 0.1 } });
    await using _ = trainer;
    const before = new Map<number, Record<string, { data: Float32Array }>>();
    const [told, steps]: [TelemetryEvent[], StepEvent[]] = [[], []];
    // An evaluation before each watched step: its barrier lets the parameters be read as they are there.
    const run = { epochs: 2, batchSize: 4, validation: clouds(4, 2), evaluateEvery: 1 };
    const order: string[] = [];
    for await (const event of trainer.run(TRAIN, run)) {
      if (event.type === "eval") before.set(event.step + 1, await model.state());
      if (event.type === "telemetry") told.push(event);
      if (event.type === "step") steps.push(event);
      order.push(`${event.type} ${event.step}`);
    }
    expect(told.map(({ step }) => step)).to.eql([3, 6, 9, 12, 15, 18]);
    expect(order.indexOf("telemetry 3")).to.equal(order.indexOf("step 3") + 1);
    for (const { step, parameters } of told) {
      expect(parameters.map(({ name }) => name)).to.eql(["0.weight", "0.bias", "3.weight", "3.bias"]);
      const norm = Math.hypot(...parameters.map(({ gradNorm }) => gradNorm));
      const own = steps.find((event) => event.step === step)?.gradNorm ?? Number.NaN;
      expect(norm / own, "norms of parameters make up that of all").to.be.closeTo(1, 1e-5);
      const [was, is] = [before.get(step), before.get(step + 1)];
      for (const { name, updateNorm, paramNorm, updateRatio } of parameters) {
        const [a, b] = [[...(was?.[name]?.data ?? [])], [...(is?.[name]?.data ?? [])]];
        if (a.length === 0 || b.length === 0) continue; // after the last step nothing is read
        expect(paramNorm).to.be.closeTo(Math.hypot(...a), 1e-5);
        expect(updateNorm).to.be.closeTo(Math.hypot(...a.map((v, i) => v - (b[i] ?? 0))), 1e-6);
        expect(updateRatio).to.equal(updateNorm / paramNorm);
      }
    }
  });

  it("is not there unless it is asked for, and changes nothing of a training", async () => {
    const outcome = async (watch: number): Promise<unknown> => {
      const { trainer, model } = makeTrainer(device(), { watch });
      await using _ = trainer;
      const kinds = new Set<string>();
      for await (const event of trainer.run(TRAIN, { epochs: 2, batchSize: 4 })) kinds.add(event.type);
      expect(kinds.has("telemetry")).to.equal(watch > 0);
      return model.state();
    };
    expect(await outcome(2)).to.deep.equal(await outcome(0));
    await expectError("ADASTEP_ARGUMENT", /'watch'/, () => makeTrainer(device(), { watch: -1 }));
  });
});

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
}

onEachDevice("Trainer: profile", (device) => {
  const path = temporaryFolder();

  it("is a trace of all phases whose spans nest, add up to the totals, and fit into the time of the run", async () => {
    const checkpoints = { directory: path("checkpoints") };
    const { trainer } = makeTrainer(device(), { checkpoints });
    await using _ = trainer;
    const began = performance.now();
    const options = { epochs: 2, batchSize: 4, validation: clouds(9, 2), profile: path("trace.json") };
    const events: TrainerEvent[] = [];
    for await (const event of trainer.run(TRAIN, options)) {
      events.push(event);
      if (event.type === "epoch") await new Promise((resolve) => setTimeout(resolve, 15));
    }
    const took = performance.now() - began;
    const end = events.at(-1);
    const { profile = {} } = end?.type === "end" ? end : {};
    const trace: TraceEvent[] = JSON.parse(await readFile(path("trace.json"), "utf8"));
    const spans = trace.filter(({ ph }) => ph === "X");
    for (const { ts, dur } of spans) {
      expect(Number.isInteger(ts) && Number.isInteger(dur)).to.equal(true);
      expect((ts + dur) / 1000).to.be.within(0, took);
    }
    const counts = { data: 20, record: 2, enqueue: 20, device: 20, evaluation: 2, checkpoint: 2 };
    for (const [name, count] of Object.entries(counts)) {
      const own = spans.filter((span) => span.name === name);
      expect(own, name).to.have.length(count);
      const total = profile[name as keyof typeof counts];
      expect(total?.count).to.equal(count);
      // Each is rounded to microseconds.
      expect(own.reduce((sum, { dur }) => sum + dur / 1000, 0)).to.be.closeTo(
        total?.milliseconds ?? 0,
        0.002 * count,
      );
    }
    expect(profile.consumer?.count).to.equal(events.length - 1); // that of the end event itself is not over yet
    expect(profile.consumer?.milliseconds).to.be.at.least(28);
    // On a thread, a span lies inside another one or beside it.
    for (const tid of [1, 2]) {
      const own = spans.filter((span) => span.tid === tid).sort((a, b) => a.ts - b.ts || b.dur - a.dur);
      const open: number[] = [];
      for (const { ts, dur } of own) {
        while (open.length > 0 && (open.at(-1) ?? 0) <= ts + 1) open.pop();
        if (open.length > 0) expect(ts + dur).to.be.at.most((open.at(-1) ?? 0) + 2); // microseconds of rounding
        open.push(ts + dur);
      }
    }
  });

  it("is whole when the loop is left, and a path that cannot be written is told before a step", async () => {
    const { trainer } = makeTrainer(device());
    await using _ = trainer;
    const options = { epochs: 200, batchSize: 4, profile: path("left.json") };
    for await (const event of trainer.run(TRAIN, options)) if (event.step === 900) break; // more than one chunk
    const trace: TraceEvent[] = JSON.parse(await readFile(path("left.json"), "utf8"));
    expect(trace.filter(({ name }) => name === "device").length).to.be.within(900, 901);
    const { step } = trainer;
    await expectError("ADASTEP_DATA", /no\/where/, () =>
      trainer.fit(TRAIN, { epochs: 1, batchSize: 4, profile: path("no/where") }),
    );
    expect(trainer.step).to.equal(step);
    await expectError("ADASTEP_ARGUMENT", /'profile'/, () => trainer.run(TRAIN, { ...options, profile: "" }));
  });
});
