// Batches that are lent: the bits of the others, in memory that is used again.

import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import type { Batch } from "../../lib/data/batches.js";
import { PrefetchedDataset } from "../../lib/data/prefetch.js";
import { expectError } from "../support/errors.js";
import { until } from "../support/until.js";

const LOADER = new URL("./loaders/loader.mjs", import.meta.url);
const open = (data: object, ahead = 2): Promise<PrefetchedDataset> =>
  PrefetchedDataset.open(LOADER, { data, ahead });
const counter = (): Int32Array => new Int32Array(new SharedArrayBuffer(8));

interface Copy {
  readonly size: number;
  readonly x: number[];
  readonly y: number[];
  readonly shared: boolean;
  readonly offset: number;
}

function copyOf({ size, columns }: Batch): Copy {
  const { x, y } = columns as Record<"x" | "y", Float32Array | Uint8Array>;
  const shared = x.buffer instanceof SharedArrayBuffer;
  expect(y.buffer).to.equal(shared ? x.buffer : y.buffer, "all columns of a batch or none");
  return { size, x: [...x], y: [...y], shared, offset: x.byteOffset };
}

async function copies(batches: AsyncIterable<Batch>, count = Number.POSITIVE_INFINITY): Promise<Copy[]> {
  const all: Copy[] = [];
  for await (const batch of batches) if (all.push(copyOf(batch)) >= count) break;
  return all;
}
const values = (all: readonly Copy[]) => all.map(({ size, x, y }) => ({ size, x, y }));

describe("PrefetchedDataset.staged", function () {
  this.timeout(60_000);

  it("has the bits of batches, epoch after epoch, in a few slots of shared memory", async () => {
    for (const ahead of [1, 4]) {
      await using data = await open({ kind: "memory", size: 1003 }, ahead);
      for (const options of [
        { batchSize: 10 },
        { batchSize: 10, shuffle: 3, epoch: 1, start: 7 },
        { batchSize: 33, shuffle: 3, epoch: 2 },
        { batchSize: 7 },
      ]) {
        const lent = await copies(data.staged(options));
        expect(values(lent)).to.deep.equal(values(await copies(data.batches(options))));
        expect(lent.every(({ shared }) => shared)).to.equal(true);
        expect(new Set(lent.map(({ offset }) => offset)).size).to.be.at.most(ahead + 2);
      }
      const both = await Promise.all([
        copies(data.staged({ batchSize: 10, shuffle: 1 })),
        copies(data.staged({ batchSize: 200, shuffle: 2 })),
      ]);
      expect(values(both[0])).to.deep.equal(
        values(await copies(data.batches({ batchSize: 10, shuffle: 1 }))),
      );
      expect(values(both[1])).to.deep.equal(
        values(await copies(data.batches({ batchSize: 200, shuffle: 2 }))),
      );
    }
  });

  it("hands over what is larger than a slot, and reads arrays before their owner changes or detaches them", async () => {
    const sizes = [3, 3, 2, 5, 1, 3, 9, 3];
    for (const ending of ["resize", "detach"]) {
      await using data = await open({ kind: "sized", sizes, ending });
      const lent = await copies(data.staged({ batchSize: 3 }));
      const expected = sizes.map((size, i) => ({ size, x: Array(size).fill(i), y: Array(size).fill(i) }));
      expect(values(lent)).to.deep.equal(expected);
      // A slot holds the first batch; columns begin at multiples of 64 bytes, which is why 5 and 9 may fit as well.
      expect(lent.filter(({ size }) => size <= 3).every(({ shared }) => shared)).to.equal(true);
    }
    await using growing = await open({ kind: "sized", sizes: [1, 100, 10_000], ending: "resize" });
    expect((await copies(growing.staged({ batchSize: 1 }))).map(({ shared }) => shared)).to.deep.equal([
      true,
      false,
      false,
    ]);
    const again = await copies(growing.staged({ batchSize: 1 }), 1);
    expect(again[0]?.shared).to.equal(true);
  });

  it("makes as many batches ahead as asked, whether or not there is a slot", async () => {
    const counts = counter();
    const ahead = 3;
    await using data = await open({ kind: "constant", counts, length: 64 }, ahead);
    let taken = 0;
    for await (const batch of data.staged({ batchSize: 64 })) {
      expect(copyOf(batch).x).to.deep.equal(Array(64).fill(taken));
      taken++;
      await until(`${taken + ahead} batches are begun`, () => Atomics.load(counts, 0) >= taken + ahead);
      await sleep(50);
      expect(Atomics.load(counts, 0)).to.equal(taken + ahead);
      if (taken === 20) break;
    }
    expect(Atomics.load(counts, 1), "the generator has ended").to.equal(1);
    // Nothing that had been made for the epoch that was left keeps a slot.
    for (let epoch = 0; epoch < 5; epoch++) {
      const lent = await copies(data.staged({ batchSize: 64 }), 1 + (epoch % 3));
      expect(lent.every(({ shared }) => shared)).to.equal(true);
    }
  });

  it("refuses a batch that went back, and leaves batches to their owner", async () => {
    await using data = await open({ kind: "memory", size: 30 });
    const lent: Batch[] = [];
    for await (const batch of data.staged({ batchSize: 10 })) {
      expect(() => batch.columns).not.to.throw();
      lent.push(batch);
    }
    expect(lent.length).to.equal(3);
    for (const batch of lent) {
      expect(batch.size).to.equal(10);
      await expectError("ADASTEP_DISPOSED", /a batch: got one that went back/, () => batch.columns);
    }
    const kept: Batch[] = [];
    for await (const batch of data.batches({ batchSize: 10 })) kept.push(batch);
    expect(kept.map(({ columns }) => columns.x?.[0])).to.deep.equal([0, 10, 20]);
  });

  it("lets go of its memory when it is closed", async () => {
    const collect = (globalThis as { gc?: () => void }).gc;
    if (!collect) throw new Error("run node with --expose-gc (.mocharc.json does)");
    const data = await open({ kind: "constant", counts: counter(), length: 1000 });
    const memory = await (async () => {
      for await (const { columns } of data.staged({ batchSize: 1000 }))
        return new WeakRef(columns.x?.buffer as SharedArrayBuffer);
      throw new Error("no batch");
    })();
    await data.close();
    for (let i = 0; i < 50 && memory.deref(); i++) {
      await sleep(10);
      collect();
    }
    expect(memory.deref()).to.equal(undefined);
  });
});
