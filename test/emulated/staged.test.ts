// What the driver is asked for when a Trainer reads batches of another thread: copies straight from memory that is
// page-locked once.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { temporaryFolder } from "../support/folder.js";

const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
const [BATCHES, EPOCHS, BATCH] = [6, 2, 512];

/** Trains on batches that are lent, or handed over. */
const program = (lent: boolean): string => `
  const { Adam, crossEntropy, Device, Linear, PrefetchedDataset, Trainer } = await import(${url("../../lib/index.ts")});
  const device = await Device.open("cuda");
  const model = new Linear(2, 251).to(device, { seed: 1 });
  const optimizer = new Adam(model.parameters());
  const data = await PrefetchedDataset.open(new URL(${url("../data/loaders/loader.mjs")}), {
    data: { kind: "memory", size: ${BATCHES * BATCH} },
  });
  if (!${lent}) data.staged = undefined;
  const trainer = new Trainer({ device, model, optimizer, loss: crossEntropy });
  const losses = [];
  for await (const event of trainer.run(data, { epochs: ${EPOCHS}, batchSize: ${BATCH}, validation: data }))
    if (event.type === "step") losses.push(event.loss);
  await trainer[Symbol.asyncDispose]();
  await data.close();
  await device.sync();
  console.log(JSON.stringify(losses));
`;

interface Trace {
  readonly losses: number[];
  /** Bytes of each event, by kind. */
  readonly events: Partial<
    Record<"register" | "unregister" | "registered" | "pinned" | "pageable", number[]>
  >;
}

describe("copies of batches", function () {
  this.timeout(600_000);
  const file = temporaryFolder();

  function trace(lent: boolean): Trace {
    const path = file(`copies-${lent}`);
    const main = file(`main-${lent}.mjs`);
    writeFileSync(main, program(lent));
    const { stdout, stderr } = spawnSync(process.execPath, ["--import=tsx/esm", main], {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      env: { ...process.env, ADASTEP_EMULATOR_COPIES: path },
      encoding: "utf8",
    });
    expect(stderr, "the emulator reports nothing").to.equal("");
    const events: Record<string, number[]> = {};
    for (const line of readFileSync(path, "utf8").trim().split("\n")) {
      const [[kind, bytes]] = Object.entries(JSON.parse(line)) as [[string, number]];
      events[kind] ??= [];
      events[kind].push(bytes);
    }
    return { losses: JSON.parse(stdout), events };
  }

  it("come straight from page-locked memory, which is locked and unlocked once", () => {
    const [lent, handedOver] = [trace(true), trace(false)];
    expect(lent.losses.length).to.equal(BATCHES * EPOCHS);
    expect(lent.losses).to.deep.equal(handedOver.losses);
    const { register, unregister, registered = [], pinned = [], pageable = [] } = lent.events;
    expect([register?.length, unregister]).to.deep.equal([1, register]);
    // x (f32 [2]) and y (u8) of each batch of training; evaluations read batches of 256, which fit too.
    const training = registered.filter((bytes) => bytes === 8 * BATCH || bytes === BATCH);
    expect(training.length).to.be.at.least(2 * BATCHES * EPOCHS);
    expect(pageable).to.deep.equal([]);
    const columns = [8 * BATCH, BATCH];
    expect(pinned.filter((bytes) => columns.includes(bytes))).to.deep.equal([]);
    expect(handedOver.events.register).to.equal(undefined);
    expect(handedOver.events.pinned?.filter((bytes) => columns.includes(bytes)).length).to.be.at.least(
      2 * BATCHES * EPOCHS,
    );
  });
});
