// Processes that are killed while they train and write checkpoints: what is on the disk always goes on.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import * as adastep from "../../lib/index.js";
import { temporaryFolder } from "../support/folder.js";
import { random } from "../support/numbers.js";
import { trainingOf } from "./killed-training.mjs";

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
const CHILD = fileURLToPath(new URL("killed.mjs", import.meta.url));

const KILLS = 100;
/** Processes at a time, each with a folder of its own: most of their time is starting. */
const LANES = 4;
/** Milliseconds of training and writing after the line that the killer waits for. */
const LONGEST = 60;

/**
 * Lets a process train in the folder, kills it some milliseconds after so many lines (the first tells where it begins, each other
 * of a checkpoint), and gives the last step that it told.
 */
async function trainAndKill(directory: string, lines: number, delay: number): Promise<number> {
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(
    process.execPath,
    [CHILD, DIST, directory],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let [told, errors] = ["", ""];
  child.stderr.on("data", (text) => {
    errors += text;
  });
  child.stdout.on("data", (text) => {
    const before = told.split("\n").length - 1;
    told += text;
    if (before < lines && told.split("\n").length - 1 >= lines)
      setTimeout(() => child.kill("SIGKILL"), delay);
  });
  const signal = await new Promise((done) => child.on("close", (_, by) => done(by)));
  expect(signal, `it was killed, and did not end by itself: ${errors}`).to.equal("SIGKILL");
  const whole = told.split("\n").slice(0, -1); // a line that was cut short does not count
  return Math.max(...whole.map(Number));
}

/** The parameters and the state after so many steps without an interruption. */
async function uninterrupted(device: adastep.Device, steps: number): Promise<unknown> {
  const { options, train, run } = trainingOf(adastep, device);
  using model = options.model;
  using optimizer = options.optimizer;
  await using trainer = new adastep.Trainer(options);
  // Nothing is under way when an evaluation is told.
  for await (const event of trainer.run(train, { ...run, validation: train, evaluateEvery: steps }))
    if (event.type === "eval" && event.step === steps) break;
  return [await model.state(), await optimizer.state()];
}

describe("Checkpoints of processes that are killed", () => {
  const path = temporaryFolder();

  it(`load and go on after each of ${KILLS} kills, never behind what was told, and end at the same bits`, async function () {
    this.timeout(600_000);
    expect(
      existsSync(join(DIST, "train", "checkpoints.js")),
      "the package is built: npm run build:ts",
    ).to.equal(true);
    using device = await adastep.Device.open("cpu");
    const lane = async (index: number): Promise<void> => {
      const directory = path(`lane-${index}`);
      const next = random(index);
      let [last, least] = [0, 0];
      for (let kill = 0; kill < KILLS / LANES; kill++) {
        const checkpoints = kill % 3;
        least += checkpoints;
        const told = await trainAndKill(directory, 1 + checkpoints, next() * LONGEST);
        const entries = await adastep.listCheckpoints(directory);
        const newest = entries.at(-1)?.step ?? 0;
        expect(newest, "a checkpoint that was told is there").to.be.at.least(told);
        expect(told, "it went on where the last one was").to.be.at.least(last);
        last = newest;
        if (newest === 0) continue; // it was killed before its first
        const { options } = trainingOf(adastep, device);
        using model = options.model;
        using optimizer = options.optimizer;
        await using trainer = await adastep.Trainer.resume(directory, options);
        expect(trainer.step).to.equal(newest);
        if (kill < KILLS / LANES - 1) continue;
        const found = [await model.state(), await optimizer.state()];
        expect(found).to.deep.equal(await uninterrupted(device, newest));
      }
      expect(last, "it came forward").to.be.at.least(least);
    };
    await Promise.all(Array.from({ length: LANES }, (_, i) => lane(i + 1)));
  });
});
