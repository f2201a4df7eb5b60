// Arrow data that Arrow's own library wrote.

import { writeFile } from "node:fs/promises";
import * as arrow from "apache-arrow";
import { expect } from "chai";
import fc from "fast-check";
import { arrowTable } from "../../lib/data/arrow.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";

const { vectorFromArray } = arrow;

/** Three batches, 5 records in all. */
function sample(): arrow.Table {
  const list = new arrow.FixedSizeList(2, new arrow.Field("item", new arrow.Float16()));
  const kinds = new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32());
  const rows = [0, 1, 2, 3, 4];
  const [all] = new arrow.Table({
    f: vectorFromArray(
      rows.map((i) => i + 0.25),
      new arrow.Float32(),
    ),
    d: vectorFromArray(
      rows.map((i) => i / 4),
      new arrow.Float64(),
    ),
    h: vectorFromArray(
      rows.map((i) => i - 0.5),
      new arrow.Float16(),
    ),
    small: vectorFromArray(
      rows.map((i) => -i),
      new arrow.Int16(),
    ),
    big: vectorFromArray(
      rows.map((i) => BigInt(i) * 1000n),
      new arrow.Int64(),
    ),
    flag: vectorFromArray(
      rows.map((i) => i % 2 === 0),
      new arrow.Bool(),
    ),
    pair: vectorFromArray(
      rows.map((i) => [i, i + 0.5]),
      list,
    ),
    kind: vectorFromArray(
      rows.map((i) => (i % 2 === 0 ? "even" : "odd")),
      kinds,
    ),
    gap: vectorFromArray(
      rows.map((i) => (i === 3 ? null : i)),
      new arrow.Int32(),
    ),
  }).batches as [arrow.RecordBatch];
  return new arrow.Table([all.slice(0, 2), all.slice(2, 4), all.slice(4)]);
}

const columns = {
  x: ["f", "d", "h"],
  small: { from: "small", type: "i32" },
  big: { from: "big", type: "i32" },
  flag: { from: "flag", type: "u8" },
  pair: { from: "pair", shape: [2] },
  kind: { from: "kind", type: "i32", encode: (kind: unknown) => ["odd", "even"].indexOf(kind as string) },
} as const;

describe("Arrow", () => {
  const file = temporaryFolder();

  for (const format of ["stream", "file"] as const) {
    it(`reads what Arrow wrote as a ${format}: every kind of number, lists, dictionaries`, async () => {
      await writeFile(file("a.arrow"), arrow.tableToIPC(sample(), format));
      const dataset = await arrowTable(file("a.arrow")).dataset(columns);
      expect(dataset.columns).to.deep.equal({
        x: {
          data: Float32Array.from([0, 1, 2, 3, 4].flatMap((i) => [i + 0.25, i / 4, i - 0.5])),
          shape: [3],
        },
        small: { data: Int32Array.of(0, -1, -2, -3, -4), shape: [] },
        big: { data: Int32Array.of(0, 1000, 2000, 3000, 4000), shape: [] },
        flag: { data: Uint8Array.of(1, 0, 1, 0, 1), shape: [] },
        pair: { data: Float32Array.from([0, 1, 2, 3, 4].flatMap((i) => [i, i + 0.5])), shape: [2] },
        kind: { data: Int32Array.of(1, 0, 1, 0, 1), shape: [] },
      });
    });
  }

  it("reads record batches one after another, in parts of fewer records if asked", async () => {
    const bytes = arrow.tableToIPC(sample(), "stream");
    const table = arrowTable({ open: () => [bytes.subarray(0, 99), bytes.subarray(99)] });
    const sizes = async (rows?: number): Promise<number[]> => {
      const found: number[] = [];
      for await (const { size } of table.chunks(columns, rows)) found.push(size);
      return found;
    };
    expect(await sizes()).to.deep.equal([2, 2, 1]);
    expect(await sizes(1)).to.deep.equal([1, 1, 1, 1, 1]);
    expect(await sizes(2)).to.deep.equal([2, 2, 1]);
  });

  it("names the record of a null, and a field that is not there", async () => {
    await writeFile(file("a.arrow"), arrow.tableToIPC(sample()));
    const read = (from: string) => () => arrowTable(file("a.arrow")).dataset({ x: from });
    await expectError("ADASTEP_DATA", /a\.arrow, record 3, field "gap": got null/, read("gap"));
    await expectError("ADASTEP_DATA", /a\.arrow: got no field "z", accepted: f, d, h, small/, read("z"));
    await expectError("ADASTEP_DATA", /record 0, field "kind": got "even", accepted: a finite/, read("kind"));
    await expectError("ADASTEP_DATA", /none\.arrow: got ENOENT/, () =>
      arrowTable(file("none.arrow")).dataset({ x: "f" }),
    );
    await expectError("ADASTEP_ARGUMENT", /arrowTable: 'source': got 3/, () =>
      arrowTable(3 as unknown as string),
    );
  });

  it("round-trips numbers through Arrow's writer", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }),
        async (values) => {
          const bytes = arrow.tableToIPC(
            new arrow.Table({ v: vectorFromArray(values, new arrow.Float32()) }),
          );
          const { columns: read } = await arrowTable({ open: () => [bytes] }).dataset({ v: "v" });
          expect(read.v.data).to.deep.equal(Float32Array.from(values));
        },
      ),
      { numRuns: 50 },
    );
  });

  it("never fails but with a typed error, wherever it is cut short", async () => {
    for (const format of ["stream", "file"] as const) {
      const whole = arrow.tableToIPC(sample(), format);
      const read: number[] = [];
      for (let end = 0; end < whole.length; end += 13) {
        try {
          const { size, columns: values } = await arrowTable({
            open: () => [whole.subarray(0, end)],
          }).dataset(columns);
          expect(values.x.data.every(Number.isFinite)).to.equal(true);
          read.push(size);
        } catch (error) {
          expect(error).to.have.property("code", "ADASTEP_DATA");
        }
      }
      if (format === "stream") expect(read).to.include(2).and.to.include(4); // it may end after any batch
    }
  });

  it("closes what it reads from, however it ends", async () => {
    const bytes = arrow.tableToIPC(sample(), "stream");
    for (const cut of [bytes.length, 300]) {
      let closed = 0;
      const open = function* (): Generator<Uint8Array> {
        try {
          yield bytes.subarray(0, cut);
        } finally {
          closed++;
        }
      };
      const work = (async () => {
        for await (const part of arrowTable({ open }).chunks(columns)) if (part.size === 1) break;
      })();
      await work.catch(() => undefined);
      expect(closed).to.equal(1);
    }
  });
});
