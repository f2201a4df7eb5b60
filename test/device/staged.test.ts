// Programs that read lent batches where they lie: right bits under every way in which one of the three can end, the
// loop, the dataset with its thread, the device.

import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import type { Batch } from "../../lib/data/batches.js";
import { PrefetchedDataset, type PrefetchOptions } from "../../lib/data/prefetch.js";
import { Device, f32, mul, type Program, sum, u8 } from "../../lib/index.js";
import { cast } from "../../lib/tensor/shape.js";
import type { Scalar, Tensor } from "../../lib/tensor/tensor.js";
import { deviceNames, onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";

const LOADER = new URL("../data/loaders/loader.mjs", import.meta.url);
/** Some pages: a copy that is torn has some of two batches. */
const LENGTH = 20_000;
const counter = (): Int32Array => new Int32Array(new SharedArrayBuffer(8));
const open = (options: PrefetchOptions = {}, kind = "constant"): Promise<PrefetchedDataset<"x" | "y">> =>
  PrefetchedDataset.open<"x" | "y">(LOADER, {
    data: { kind, counts: counter(), length: LENGTH },
    ...options,
  });

type Step = Program<
  { x: ReturnType<typeof f32>; y: ReturnType<typeof u8> },
  { x: Scalar; squares: Scalar; y: Scalar }
>;
/** Sums in f32 that are exact for numbers i below 20: they tell LENGTH numbers i from every mixture. */
const stepOf = (device: Device): Step =>
  device.program({ x: f32(LENGTH), y: u8(LENGTH) }, ({ x, y }) => ({
    x: sum(x),
    squares: sum(mul(x, x)),
    y: sum(cast(y, "f32")),
  })) as unknown as Step;
const arraysOf = ({ columns }: Batch<"x" | "y">): { x: Float32Array; y: Uint8Array } => ({
  x: columns.x as Float32Array,
  y: columns.y as Uint8Array,
});
const expected = (i: number) => ({ x: LENGTH * i, squares: LENGTH * i * i, y: LENGTH * i });

onEachDevice("a program on lent batches", (device) => {
  const COUNT = 18;
  beforeEach(function () {
    this.currentTest?.timeout(120_000); // threads take a while to start
  });

  it("reads each whole and once, though nobody waits for it", async () => {
    for (const ahead of [1, 3]) {
      await using data = await open({ ahead });
      using step = stepOf(device());
      const runs: Promise<unknown>[] = [];
      for await (const batch of data.staged({ batchSize: LENGTH })) {
        if (runs.push(step.run(arraysOf(batch))) === COUNT) break;
      }
      expect(await Promise.all(runs)).to.deep.equal(Array.from({ length: COUNT }, (_, i) => expected(i)));
    }
  });

  it("reads views of them, and arrays of others beside them", async () => {
    await using data = await open();
    using step = stepOf(device());
    using half = device().program({ x: f32(LENGTH / 2) }, ({ x }) => ({ x: sum(x) }));
    let i = 0;
    for await (const batch of data.staged({ batchSize: LENGTH })) {
      const { x, y } = arraysOf(batch);
      const runs = [step.run({ x, y: new Uint8Array(LENGTH).fill(i) }), step.run({ x: x.slice(), y })];
      const view = half.run({ x: x.subarray(LENGTH / 2) });
      expect(await Promise.all(runs)).to.deep.equal([expected(i), expected(i)]);
      expect(await view).to.deep.equal({ x: (LENGTH / 2) * i });
      if (i++ === 4) break;
    }
  });

  it("refuses arrays of a batch that went back, and reads those of one that did not", async () => {
    await using data = await open();
    using step = stepOf(device());
    using buffer = device().alloc("f32", [LENGTH]);
    const kept: ReturnType<typeof arraysOf>[] = [];
    for await (const batch of data.staged({ batchSize: LENGTH })) if (kept.push(arraysOf(batch)) === 6) break;
    for (const { x, y } of kept) {
      await expectError("ADASTEP_DISPOSED", /program\.run: 'x': got an array of a batch that went back/, () =>
        step.run({ x, y }),
      );
      const own = new Float32Array(LENGTH);
      await expectError("ADASTEP_DISPOSED", /'y': got an array of a batch that went back/, () =>
        step.run({ x: own, y }),
      );
      await expectError("ADASTEP_DISPOSED", /'x': got/, () => step.run({ x: x.subarray(0), y }));
      await expectError("ADASTEP_DISPOSED", /buffer\.write: 'data'/, () => buffer.write(x));
      await expectError("ADASTEP_DISPOSED", /buffer\.write: 'data'/, () => device().from(x));
    }
    expect(await step.run({ x: new Float32Array(LENGTH), y: new Uint8Array(LENGTH) })).to.deep.equal(
      expected(0),
    );
    for await (const batch of data.staged({ batchSize: LENGTH })) {
      expect(await step.run(arraysOf(batch))).to.deep.equal(expected(0));
      break;
    }
  });

  it("ends well however the loop ends, with runs under way", async () => {
    using step = stepOf(device());
    const reason = new Error("enough");
    const control = new AbortController();
    const aborted = await open({ signal: control.signal });
    const closed = await open();
    await using left = await open();
    const dying = await open({}, "dying");
    const ways: [PrefetchedDataset<"x" | "y">, number, (i: number) => unknown][] = [
      [left, 2, () => undefined],
      [aborted, 2, (i) => i === 1 && control.abort(reason)],
      [closed, 2, (i) => i === 1 && closed.close()],
      [dying, 9, () => sleep(20)],
    ];
    for (const [data, last, then] of ways) {
      const runs: Promise<unknown>[] = [];
      try {
        for await (const batch of data.staged({ batchSize: LENGTH })) {
          const i = runs.push(step.run(arraysOf(batch)), step.run(arraysOf(batch))) / 2 - 1;
          await then(i);
          // The dataset may have ended: its memory is still there.
          runs.push(step.run(arraysOf(batch)));
          runs.splice(-3, 3, Promise.all(runs.slice(-3)));
          if (i === last) break;
          await sleep(1);
        }
      } catch (error) {
        if (error !== reason && !/closed|code 7/.test((error as Error).message)) throw error;
      }
      const results = (await Promise.all(runs)) as unknown[][];
      for (const [i, three] of results.entries()) expect(three).to.deep.equal(Array(3).fill(expected(i)));
    }
  });

  it("is waited for when the dataset is closed right behind it", async () => {
    const NUMBERS = 20; // copies before that of the batch, so that it is still to come
    const names = Array.from({ length: NUMBERS }, (_, i) => `n${i}`);
    const inputs = { ...Object.fromEntries(names.map((n) => [n, f32()])), x: f32(LENGTH) };
    using step = device().program(inputs, ({ x }) => ({ x: sum(x as Tensor) }));
    const numbers = Object.fromEntries(names.map((n) => [n, new Float32Array(1)]));
    for (let round = 0; round < 2; round++) {
      const data = await open();
      for await (const batch of data.staged({ batchSize: LENGTH })) {
        const { x } = arraysOf(batch);
        const runs = Array.from({ length: 4 }, () => step.run({ ...numbers, x }));
        const closing = data.close();
        expect(await Promise.all(runs)).to.deep.equal(Array(4).fill({ x: 0 }));
        await closing;
        break;
      }
    }
  });

  it("gives slots back when a run fails", async () => {
    await using data = await open({ ahead: 1 });
    using step = stepOf(device());
    let i = 0;
    for await (const batch of data.staged({ batchSize: LENGTH })) {
      const { x } = arraysOf(batch);
      await expectError("ADASTEP_SHAPE", /'y'/, () => step.run({ x, y: new Uint8Array(3) }));
      expect(x.buffer, "a slot was free").to.be.instanceOf(SharedArrayBuffer);
      if (++i === 12) break;
    }
  });
});

describe("devices and lent batches", function () {
  this.timeout(120_000);
  const name = deviceNames[0] as string;

  it("several devices read the same batch", async () => {
    await using data = await open();
    using first = await Device.open(name);
    using second = await Device.open(name);
    using third = await Device.open("cpu", { threads: 1 });
    const steps = [first, second, third].map(stepOf);
    const runs: Promise<unknown>[] = [];
    for await (const batch of data.staged({ batchSize: LENGTH })) {
      runs.push(Promise.all(steps.map((step) => step.run(arraysOf(batch)))));
      if (runs.length === 8) second.dispose(); // its work still runs
      if (runs.length === 8) steps.splice(1, 1)[0]?.dispose();
      if (runs.length === 12) break;
    }
    const results = (await Promise.all(runs)) as unknown[][];
    for (const [i, all] of results.entries())
      expect(all).to.deep.equal(Array(i < 8 ? 3 : 2).fill(expected(i)));
    for (const step of steps) step.dispose();
  });

  it("a device ends before the dataset, and the other way round, again and again", async () => {
    await using lasting = await open();
    using device = await Device.open(name);
    using step = stepOf(device);
    for (let round = 0; round < 3; round++) {
      const short = await Device.open(name);
      const shortStep = stepOf(short);
      const data = await open();
      const runs: Promise<unknown>[] = [];
      for await (const batch of lasting.staged({ batchSize: LENGTH })) {
        if (runs.push(shortStep.run(arraysOf(batch))) === 3) break;
      }
      short.dispose();
      for await (const batch of data.staged({ batchSize: LENGTH })) {
        if (runs.push(step.run(arraysOf(batch))) === 6) break;
      }
      await data.close();
      const results = await Promise.all(runs);
      expect(results).to.deep.equal([0, 1, 2, 0, 1, 2].map(expected));
    }
  });

  it("forgotten devices and datasets keep no memory", async () => {
    const collect = (globalThis as { gc?: () => void }).gc;
    if (!collect) throw new Error("run node with --expose-gc (.mocharc.json does)");
    using lasting = await Device.open(name);
    const use = async (device: Device): Promise<WeakRef<SharedArrayBuffer>> => {
      await using data = await open();
      using step = stepOf(device);
      for await (const batch of data.staged({ batchSize: LENGTH })) {
        await step.run(arraysOf(batch));
        return new WeakRef(batch.columns.x.buffer as SharedArrayBuffer);
      }
      throw new Error("no batch");
    };
    const forgotten = await (async () => use(await Device.open(name)))();
    const closed = await use(lasting);
    for (let i = 0; i < 100 && (forgotten.deref() || closed.deref()); i++) {
      await sleep(10);
      collect();
    }
    expect([forgotten.deref(), closed.deref()]).to.deep.equal([undefined, undefined]);
  });
});
