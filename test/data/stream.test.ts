import { execFileSync } from "node:child_process";
import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import fc from "fast-check";
import type { AsyncBatches, Batch } from "../../lib/data/batches.js";
import { csvTable } from "../../lib/data/csv-table.js";
import { Dataset } from "../../lib/data/dataset.js";
import { jsonlTable } from "../../lib/data/jsonl.js";
import { philox } from "../../lib/data/philox.js";
import { recordsTable } from "../../lib/data/records.js";
import { StreamDataset } from "../../lib/data/stream.js";
import { expectError } from "../support/errors.js";
import { until } from "../support/until.js";

/** Examples i: x = [i, -i], y = i modulo 251; in parts of these sizes, and a last one of what is left. */
function* parts(size: number, sizes: readonly number[]): Generator<Dataset<"x" | "y">> {
  const x = Float32Array.from({ length: 2 * size }, (_, i) => (i % 2 === 0 ? i / 2 : -(i - 1) / 2));
  const y = Uint8Array.from({ length: size }, (_, i) => i % 251);
  const all = new Dataset({ x: { data: x, shape: [2] }, y: { data: y, shape: [] } });
  let at = 0;
  for (const length of [...sizes, size]) {
    const end = Math.min(at + length, size);
    yield all.slice(at, end);
    at = end;
  }
}

const stream = (size: number, sizes: readonly number[], buffer?: number): StreamDataset<"x" | "y"> => {
  const [{ columns }] = parts(0, []) as unknown as [Dataset<"x" | "y">];
  return new StreamDataset({
    columns,
    open: () => parts(size, sizes),
    ...(buffer !== undefined && { buffer }),
  });
};

async function collect<N extends string>(batches: AsyncBatches<N>): Promise<Batch<N>[]> {
  const all: Batch<N>[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}
/** The numbers of the examples, having seen that their columns belong together. */
function numbersOf(batches: readonly Batch<"x" | "y">[]): number[] {
  return batches.flatMap(({ size, columns: { x, y } }) => {
    expect([x.length, y.length]).to.deep.equal([2 * size, size]);
    return Array.from({ length: size }, (_, i) => {
      const number = x[2 * i] as number;
      expect(x[2 * i + 1]).to.equal(number === 0 ? 0 : -number);
      expect(y[i]).to.equal(number % 251);
      return number;
    });
  });
}

/** The order of a buffer, from the definition: fill, then draw and refill, then draw what is left. */
function expectedOrder(size: number, buffer: number, seed: number, epoch: number): number[] {
  const held: number[] = [];
  const order: number[] = [];
  const draw = (): number => {
    const words = philox(seed, Math.floor(order.length / 2), 0x62756666, epoch);
    const [high, low] = order.length % 2 === 0 ? words : [words[2], words[3]];
    return Math.floor((((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53) * held.length);
  };
  for (let i = 0; i < size; i++) {
    if (held.length < buffer) held.push(i);
    else {
      const place = draw();
      order.push(held[place] as number);
      held[place] = i;
    }
  }
  while (held.length > 0) {
    const place = draw();
    order.push(held[place] as number);
    const last = held.pop() as number;
    if (place < held.length) held[place] = last;
  }
  return order;
}

describe("StreamDataset", () => {
  const sizes = fc.array(fc.nat(20), { maxLength: 8 });

  it("gives examples in their order, in full batches but for the last", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(80), sizes, fc.integer({ min: 1, max: 90 }), async (size, cuts, batchSize) => {
        const data = stream(size, cuts);
        const batches = await collect(data.batches({ batchSize }));
        expect(numbersOf(batches)).to.deep.equal(Array.from({ length: size }, (_, i) => i));
        const full = Math.floor(size / batchSize);
        expect(batches.map((batch) => batch.size).slice(0, full)).to.deep.equal(Array(full).fill(batchSize));
        expect(batches.length).to.equal(Math.ceil(size / batchSize));
        expect((await collect(data.batches({ batchSize, dropLast: true }))).length).to.equal(full);
      }),
    );
  });

  it("shuffles as its definition says, however the stream is cut, and goes on from any batch", async () => {
    const key = fc.record({ seed: fc.nat(9), epoch: fc.nat(9), buffer: fc.integer({ min: 1, max: 90 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.nat(80),
        sizes,
        key,
        fc.nat(9),
        async (size, cuts, { seed, epoch, buffer }, start) => {
          const data = stream(size, cuts, buffer);
          const options = { batchSize: 7, shuffle: { seed }, epoch };
          const batches = await collect(data.batches(options));
          expect(numbersOf(batches)).to.deep.equal(expectedOrder(size, buffer, seed, epoch));
          expect(await collect(data.batches({ ...options, start }))).to.deep.equal(batches.slice(start));
        },
      ),
    );
  });

  it("has another order for each seed and epoch, and one that knows no place", async () => {
    const order = async (shuffle: number, epoch: number, buffer: number): Promise<number[]> =>
      numbersOf(await collect(stream(1000, [], buffer).batches({ batchSize: 100, shuffle, epoch })));
    const first = await order(1, 0, 200);
    expect(await order(1, 0, 200)).to.deep.equal(first);
    expect(await order(2, 0, 200)).to.not.deep.equal(first);
    expect(await order(1, 1, 200)).to.not.deep.equal(first);
    expect([...first].sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 1000 }, (_, i) => i));
    for (const [place, number] of first.entries()) expect(number).to.be.below(place + 200); // as far as the buffer reaches
    // Of a buffer that holds all, the mean number of the first half is that of all: 499.5, with a deviation of
    // 1000 / sqrt(12) * sqrt((1 - 1/2) / 500) = 9.1; within 5 of them.
    const half = (await order(3, 0, 1000)).slice(0, 500);
    expect(half.reduce((sum, v) => sum + v, 0) / 500).to.be.closeTo(499.5, 46);
  });

  it("gives batches of its own memory, so that they can be kept", async () => {
    const batches = await collect(stream(30, [10, 10], 5).batches({ batchSize: 4, shuffle: 1 }));
    const memories = new Set(batches.map(({ columns }) => columns.x.buffer));
    expect(memories.size).to.equal(batches.length);
  });

  it("streams records of any async iterable as a table", async () => {
    let opened = 0;
    const table = recordsTable({
      name: "rows",
      open: async function* () {
        opened++;
        for (let i = 0; i < 10; i++) yield { a: i, b: [i, 2 * i] };
      },
    });
    const data = table.stream(
      { x: { from: "b", shape: [2] }, y: { from: "a", type: "i32" } },
      { rows: 3, buffer: 4 },
    );
    expect(data.columns.x).to.deep.equal({ data: new Float32Array(0), shape: [2] });
    expect(opened).to.equal(0);
    const batches = await collect(data.batches({ batchSize: 4, shuffle: 1 }));
    const y = batches.flatMap(({ columns }) => [...columns.y]);
    expect([...y].sort()).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(batches.flatMap(({ columns }) => [...columns.x])).to.deep.equal(y.flatMap((i) => [i, 2 * i]));
    await collect(data.batches({ batchSize: 4 }));
    expect(opened).to.equal(2);
    await expectError("ADASTEP_DATA", /^rows, record 1: got 3, accepted: an object/, () =>
      recordsTable({ name: "rows", open: () => [{ a: 1 }, 3 as unknown as object] }).dataset({ x: "a" }),
    );
    await expectError("ADASTEP_ARGUMENT", /recordsTable: 'open'/, () => recordsTable({ open: [] as never }));
  });

  it("names an `open` that gives nothing to loop over, such as a promise of rows", async () => {
    const number = (): unknown => 5;
    const promise = async (): Promise<unknown> => {
      throw new Error("which is nobody's unhandled rejection");
    };
    const given = /got a function that gives 5, accepted: one that gives an iterable or an async iterable$/;
    const promised = /got a function that gives a promise, accepted: .*; an async function\* may await/;
    for (const [open, pattern] of [[number, given] as const, [promise, promised] as const]) {
      const ways: Record<string, () => unknown> = {
        recordsTable: () => recordsTable({ open: open as never }).dataset({ x: "a" }),
        "a data source": () => csvTable({ open: open as never }).dataset({ x: "a" }),
        StreamDataset: () => {
          const columns = { x: { data: new Float32Array(0), shape: [] } };
          return collect(new StreamDataset({ columns, open: open as never }).batches({ batchSize: 1 }));
        },
      };
      for (const [owner, read] of Object.entries(ways)) {
        await expectError("ADASTEP_ARGUMENT", pattern, read);
        await expectError("ADASTEP_ARGUMENT", new RegExp(`^${owner}: 'open': got`), read);
      }
    }
  });

  it("closes the stream when a reader leaves, and passes its errors on", async () => {
    let closed = 0;
    const failing = new Error("the database is gone");
    const open = function* (): Generator<Dataset<"x" | "y">> {
      try {
        yield* parts(50, [10, 10, 10]);
        throw failing;
      } finally {
        closed++;
      }
    };
    const [{ columns }] = parts(0, []) as unknown as [Dataset<"x" | "y">];
    const data = new StreamDataset({ columns, open });
    for await (const { size } of data.batches({ batchSize: 5 })) if (size > 0) break;
    expect(closed).to.equal(1);
    const caught = await collect(data.batches({ batchSize: 5 })).catch((error: unknown) => error);
    expect(caught).to.equal(failing);
    expect(closed).to.equal(2);
  });

  it("can be left while it waits for data: that ends at once, and closes what is waited for", async () => {
    const lines = (count: number, of: (i: number) => string): string =>
      Array.from({ length: count }, (_, i) => `${of(i)}\n`).join("");
    const columns = { x: "a" } as const;
    const ways: [string, PassThrough, StreamDataset][] = [];
    const add = (name: string, source: PassThrough, make: (open: () => PassThrough) => StreamDataset): void =>
      void ways.push([name, source, make(() => source)]);
    const text = (written: string): PassThrough => {
      const source = new PassThrough();
      source.write(written);
      return source;
    };
    const object = new PassThrough({ objectMode: true });
    for (let a = 0; a < 8; a++) object.write({ a });
    const [part] = [...parts(8, [])];
    const whole = new PassThrough({ objectMode: true });
    whole.write(part);
    add("JSON lines", text(lines(8, (a) => JSON.stringify({ a }))), (open) =>
      jsonlTable({ open }).stream(columns, { rows: 4 }),
    );
    add("CSV", text(`a\n${lines(100, String)}`), (open) => csvTable({ open }).stream(columns, { rows: 4 }));
    add("records", object, (open) => recordsTable({ open }).stream(columns, { rows: 4 }));
    add("parts", whole, (open) => new StreamDataset({ columns: (part as Dataset).columns, open }));
    for (const [name, source, data] of ways) {
      const batches = data.batches({ batchSize: 4 })[Symbol.asyncIterator]();
      expect((await batches.next()).done, name).to.equal(false);
      let waits = batches.next();
      while (await Promise.race([waits, sleep(200, undefined)])) waits = batches.next();
      await batches.return?.();
      expect(await waits, name).to.deep.equal({ done: true, value: undefined }); // what it waits for never comes
      await until(`${name} are closed`, () => source.destroyed);
    }
  });

  it("tells what it was opened from that it is left", async () => {
    const [part] = [...parts(8, [])] as [Dataset<"x" | "y">];
    for (const change of [false, true]) {
      let closed = false;
      const data = new StreamDataset({
        columns: part.columns,
        open: async function* (signal) {
          try {
            yield part;
            await sleep(1e6, undefined, { signal });
          } finally {
            closed = true;
          }
        },
      });
      const batches = (change ? data.map((own) => own) : data).batches({ batchSize: 4 });
      const iterator = batches[Symbol.asyncIterator]();
      await iterator.next();
      const second = iterator.next();
      await sleep(10);
      await iterator.return?.();
      expect((await second).done).to.equal(true);
      await until("the generator has ended", () => closed);
    }
  });

  it("refuses options and parts that do not fit", async () => {
    const [{ columns }] = parts(0, []) as unknown as [Dataset<"x" | "y">];
    const made = (change: object) => () =>
      new StreamDataset({ columns, open: () => [], ...change } as ConstructorParameters<
        typeof StreamDataset
      >[0]);
    await expectError("ADASTEP_ARGUMENT", /'columns'/, made({ columns: {} }));
    await expectError("ADASTEP_DTYPE", /column 'x'/, made({ columns: { x: { data: [], shape: [] } } }));
    await expectError("ADASTEP_ARGUMENT", /'open'/, made({ open: 3 }));
    await expectError("ADASTEP_ARGUMENT", /'buffer': got 0/, made({ buffer: 0 }));
    await expectError("ADASTEP_ARGUMENT", /'batchSize': got 0/, () =>
      stream(3, []).batches({ batchSize: 0 }),
    );
    const part = (x: object): (() => Promise<unknown>) => {
      const other = new Dataset({ ...columns, x } as Dataset["columns"]) as Dataset<"x" | "y">;
      return () => collect(new StreamDataset({ columns, open: () => [other] }).batches({ batchSize: 1 }));
    };
    await expectError(
      "ADASTEP_SHAPE",
      /the shape \[3\], accepted: \[2\]/,
      part({ data: new Float32Array(0), shape: [3] }),
    );
    await expectError(
      "ADASTEP_DTYPE",
      /column 'x' of a part: got u8, accepted: f32/,
      part({ data: new Uint8Array(0), shape: [2] }),
    );
  });

  it("holds its buffer and no more of a stream that is larger than its memory", async function () {
    this.timeout(60_000);
    // 100 MB of JSON lines that are made while they are read, in a process whose heap is smaller than that.
    const code = `
      import { jsonlTable } from "./lib/data/jsonl.ts";
      const values = Array.from({ length: 512 }, (_, i) => i % 10).join();
      const COUNT = 100_000;
      const open = function* () { for (let i = 0; i < COUNT; i++) yield '{"i":' + i + ',"x":[' + values + "]}\\n"; };
      const data = jsonlTable({ open }).stream(
        { x: { from: "x", type: "u8", shape: [512] }, i: { from: "i", type: "i32" } }, { buffer: 2000, rows: 500 });
      const base = process.resourceUsage().maxRSS;
      let [examples, sum] = [0, 0];
      for await (const { size, columns } of data.batches({ batchSize: 256, shuffle: 1 })) {
        examples += size;
        sum += columns.i.reduce((a, b) => a + b, 0);
      }
      console.log(JSON.stringify({ examples, sum, grown: (process.resourceUsage().maxRSS - base) / 1024 }));`;
    const options = ["--max-old-space-size=64", "--import", "tsx/esm", "--input-type=module", "-e", code];
    const cwd = new URL("../..", import.meta.url);
    const output = execFileSync(process.execPath, options, { encoding: "utf8", cwd });
    const { examples, sum, grown } = JSON.parse(output) as { examples: number; sum: number; grown: number };
    expect(examples).to.equal(100_000);
    expect(sum).to.equal((100_000 * 99_999) / 2);
    expect(grown, "MiB of growth").to.be.below(100); // 61 where it was measured; the text alone is 102
  });
});
