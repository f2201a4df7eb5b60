import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { expect } from "chai";
import type { AsyncBatches, Batch, Batches, BatchOptions } from "../../lib/data/batches.js";
import { Dataset } from "../../lib/data/dataset.js";
import { PrefetchedDataset, type PrefetchOptions } from "../../lib/data/prefetch.js";
import { serveBatches } from "../../lib/data/serve-batches.js";
import { SparseDataset } from "../../lib/data/sparse.js";
import { StreamDataset } from "../../lib/data/stream.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";
import { until } from "../support/until.js";

const LOADER = new URL("./loaders/loader.mjs", import.meta.url);
const open = (data: object, options: PrefetchOptions = {}): Promise<PrefetchedDataset> =>
  PrefetchedDataset.open(LOADER, { data, ...options });

async function collect(batches: Batches | AsyncBatches): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

/** As the loader makes them. */
function numbered(size: number): Dataset {
  const x = Float32Array.from({ length: 2 * size }, (_, i) => (i % 2 === 0 ? i / 2 : -(i - 1) / 2));
  const y = Uint8Array.from({ length: size }, (_, i) => i % 251);
  return new Dataset({ x: { data: x, shape: [2] }, y: { data: y, shape: [] } });
}

const counter = (): Int32Array => new Int32Array(new SharedArrayBuffer(8));
/** Waits until as many batches have been begun, and some time more, in which others would be. */
async function begun(counts: Int32Array, expected: number): Promise<number> {
  await until(`${expected} batches are begun`, () => Atomics.load(counts, 0) >= expected);
  await sleep(100);
  return Atomics.load(counts, 0);
}

describe("PrefetchedDataset", function () {
  this.timeout(60_000);
  const file = temporaryFolder();

  it("has the order and the bits of the dataset itself, whatever the options, epoch after epoch", async () => {
    const SIZE = 203;
    const memory = numbered(SIZE);
    const stream = new StreamDataset({ columns: memory.columns, open: () => [memory], buffer: 50 });
    const options: BatchOptions[] = [
      { batchSize: 32 },
      { batchSize: 32, shuffle: 5, epoch: 1 },
      { batchSize: 32, shuffle: { seed: 5 }, epoch: 2, start: 3 },
      { batchSize: SIZE },
      { batchSize: 7, shuffle: 1, dropLast: true },
      { batchSize: 1000 },
    ];
    for (const [kind, data] of [
      ["memory", memory],
      ["stream", stream],
    ] as const) {
      for (const ahead of [1, 3]) {
        await using prefetched = await open({ kind, size: SIZE }, { ahead });
        expect(prefetched.size).to.equal(data.size);
        expect(prefetched.columns).to.deep.equal(stream.columns);
        for (const chosen of options) {
          expect(await collect(prefetched.batches(chosen))).to.deep.equal(
            await collect(data.batches(chosen)),
          );
        }
        const [one, two] = await Promise.all(options.slice(1, 3).map((o) => collect(prefetched.batches(o))));
        expect(one).to.deep.equal(await collect(data.batches(options[1] as BatchOptions)));
        expect(two).to.deep.equal(await collect(data.batches(options[2] as BatchOptions)));
      }
    }
  });

  it("hands on options of the dataset's own, and columns of any length", async () => {
    const rows = {
      offsets: Int32Array.of(0, 2, 2, 5),
      indices: Int32Array.of(0, 3, 1, 2, 3),
      values: Float32Array.of(1, 2, 3, 4, 5),
      features: 4,
    };
    await using prefetched = await open({ kind: "sparse", rows });
    const options = { batchSize: 2, padTo: 4 };
    const expected = [...new SparseDataset(rows).batches(options)];
    expect(await collect(prefetched.batches(options))).to.deep.equal(expected);
  });

  it("makes as many batches ahead as asked, and no more", async () => {
    for (const ahead of [1, 4]) {
      const counts = counter();
      await using prefetched = await open({ kind: "endless", counts }, { ahead });
      let taken = 0;
      for await (const { columns } of prefetched.batches({ batchSize: 1 })) {
        expect(columns.x?.[0]).to.equal(taken++);
        // What was taken, what may wait, and one that is being handed over.
        expect(await begun(counts, taken + ahead)).to.equal(taken + ahead);
        if (taken === 3) break;
      }
    }
  });

  it("ends the epoch on the thread when the loop is left, and goes on with another", async () => {
    const counts = counter();
    await using prefetched = await open({ kind: "endless", counts });
    const leave = [
      async () => {
        for await (const _ of prefetched.batches({ batchSize: 1 })) break;
      },
      async () => {
        for await (const _ of prefetched.batches({ batchSize: 1 })) throw new Error("mine");
      },
      async () => {
        const iterator = prefetched.batches({ batchSize: 1 })[Symbol.asyncIterator]();
        await iterator.next();
        await iterator.return?.();
      },
    ];
    for (const [i, way] of leave.entries()) {
      const caught = await way().catch((error: Error) => error.message);
      expect(caught).to.equal(i === 1 ? "mine" : undefined);
      expect(Atomics.load(counts, 1), "its generator has ended").to.equal(i + 1);
    }
  });

  it("throws what the loader throws, where the batch would have come", async () => {
    for (const kind of ["typed", "plain", "odd", "exits"] as const) {
      await using prefetched = await open({ kind, counts: counter() });
      let taken = 0;
      const read = async (): Promise<void> => {
        for await (const { size } of prefetched.batches({ batchSize: 1 })) taken += size;
      };
      if (kind === "typed") {
        await expectError("ADASTEP_DATA", /^a\.csv, line 3: got x, accepted: a number$/, read);
      } else if (kind === "exits") {
        await expectError("ADASTEP_DATA", /a thread that ended with code 7/, read);
        await expectError("ADASTEP_DATA", /code 7/, () => prefetched.batches({ batchSize: 1 }));
        continue; // what had been made when it ended may be lost with it
      } else {
        const error = await read().catch((caught: unknown) => caught);
        if (kind === "plain")
          expect(error).to.be.instanceOf(RangeError).with.property("message", "the fourth is missing");
        else expect(error).to.be.instanceOf(Error).with.property("message", "no error");
      }
      expect(taken).to.equal(kind === "odd" ? 0 : 3);
    }
    await expectError("ADASTEP_DATA", /^none\.csv: got ENOENT/, () => open({ kind: "refuses" }));
    await using memory = await open({ kind: "memory", size: 3 });
    await expectError("ADASTEP_ARGUMENT", /'batchSize': got 0/, () =>
      collect(memory.batches({ batchSize: 0 })),
    );
    expect((await collect(memory.batches({ batchSize: 2 }))).length).to.equal(2);
  });

  it("ends the thread on abort and on close; who reads is told", async () => {
    const control = new AbortController();
    const prefetched = await open({ kind: "endless", counts: counter() }, { signal: control.signal });
    const reason = new Error("enough");
    const read = async (then: () => unknown): Promise<unknown> => {
      try {
        for await (const _ of prefetched.batches({ batchSize: 1 })) await then();
      } catch (error) {
        return error;
      }
      return undefined;
    };
    expect(await read(() => control.abort(reason))).to.equal(reason);
    expect(await read(() => undefined)).to.equal(reason);
    await prefetched.close();
    const closing = await open({ kind: "memory", size: 1000 });
    const batches = closing.batches({ batchSize: 1 });
    await expectError("ADASTEP_DISPOSED", /it is closed/, async () => {
      for await (const _ of batches) await closing.close();
    });
    await expectError("ADASTEP_DISPOSED", /it is closed/, () => closing.batches({ batchSize: 1 }));
    const aborted = await open({ kind: "memory", size: 1 }, { signal: AbortSignal.abort(reason) }).catch(
      (e: unknown) => e,
    );
    expect(aborted).to.equal(reason);
  });

  it("does not keep the process alive while it is not in use", async () => {
    const lib = new URL("../../lib/data/prefetch.ts", import.meta.url).href;
    const program = file("program.mjs");
    await writeFile(
      program,
      `import { PrefetchedDataset } from ${JSON.stringify(lib)};
       const loader = new URL(${JSON.stringify(LOADER.href)});
       const data = await PrefetchedDataset.open(loader, { data: { kind: "memory", size: 9 } });
       let [examples, refused] = [0, 0];
       const wrong = data.batches({ batchSize: () => 4 }); // which no thread can be told
       await wrong[Symbol.asyncIterator]().next().catch(() => { refused += 1; });
       for await (const { size } of data.batches({ batchSize: 4 })) examples += size;
       console.log(examples, refused);`,
    );
    const tsx = import.meta.resolve("tsx/esm");
    const output = execFileSync(process.execPath, ["--import", tsx, program], {
      encoding: "utf8",
      timeout: 30_000,
    });
    expect(output.trim()).to.equal("9 1");
  });

  it("refuses what makes no sense", async () => {
    const silent = new URL("./loaders/silent.mjs", import.meta.url);
    await expectError("ADASTEP_DATA", /ended with code 0, accepted: a module that calls serveBatches/, () =>
      PrefetchedDataset.open(silent),
    );
    await expectError("ADASTEP_ARGUMENT", /'module': got "loader.js"/, () =>
      PrefetchedDataset.open("loader.js" as unknown as URL),
    );
    await expectError("ADASTEP_ARGUMENT", /'ahead': got 0/, () => open({}, { ahead: 0 }));
    await expectError("ADASTEP_ARGUMENT", /'signal'/, () =>
      open({}, { signal: 3 as unknown as AbortSignal }),
    );
    await expectError("ADASTEP_ARGUMENT", /serveBatches: got a thread of another kind/, () =>
      serveBatches(() => numbered(1)),
    );
    await expectError("ADASTEP_ARGUMENT", /'module': got "http:/, () =>
      PrefetchedDataset.open(new URL("http://localhost/loader.js")),
    );
    await expectError("ADASTEP_ARGUMENT", /'data': got .*could not be cloned/, () => open({ f: () => 1 }));
  });

  it("names a module that cannot be loaded, with its reason as the cause", async () => {
    await writeFile(file("broken.mjs"), "serveBatches(");
    await writeFile(file("throws.mjs"), 'throw new RangeError("too far\\nand more");');
    const cases: [name: string, pattern: RegExp, cause: object][] = [
      ["none.mjs", /^PrefetchedDataset: \/.*none\.mjs: got Cannot find module [^\n]*serveBatches/, Error],
      ["broken.mjs", /broken\.mjs: got Unexpected end of input, accepted/, SyntaxError],
      ["throws.mjs", /throws\.mjs: got too far, accepted/, RangeError],
    ];
    for (const [name, pattern, kind] of cases) {
      const open = () => PrefetchedDataset.open(pathToFileURL(file(name)));
      await expectError("ADASTEP_DATA", pattern, open);
      const error = await open().catch((caught: unknown) => caught);
      expect(error, name).to.have.property("cause").that.is.instanceOf(kind);
    }
  });
});
