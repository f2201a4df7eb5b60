// Parquet files of another writer (hyparquet-writer).

import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { parquetTable } from "../../lib/data/parquet.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";
import { withoutPackages } from "../support/without-packages.js";

const numbers = (count: number, of: (i: number) => number): number[] =>
  Array.from({ length: count }, (_, i) => of(i));
const COUNT = 1000;
const GROUP = 300;

type Source = Parameters<typeof parquetWriteBuffer>[0]["columnData"][number];
const SOURCES: Source[] = [
  { name: "f", data: numbers(COUNT, (i) => i / 8), type: "FLOAT" },
  { name: "d", data: numbers(COUNT, (i) => -i / 4), type: "DOUBLE" },
  { name: "i", data: numbers(COUNT, (i) => i % 10), type: "INT32" },
  { name: "big", data: Array.from({ length: COUNT }, (_, i) => BigInt(i) - 5n), type: "INT64" },
  { name: "flag", data: Array.from({ length: COUNT }, (_, i) => i % 3 === 0), type: "BOOLEAN" },
  {
    name: "kind",
    data: Array.from({ length: COUNT }, (_, i) => ["a", "b", "\u{e9}"][i % 3]),
    type: "STRING",
  },
  { name: "gap", data: Array.from({ length: COUNT }, (_, i) => (i === 700 ? null : i)), type: "INT32" },
];
const written = (options: Partial<Parameters<typeof parquetWriteBuffer>[0]> = {}): Uint8Array =>
  new Uint8Array(parquetWriteBuffer({ columnData: SOURCES, rowGroupSize: GROUP, ...options }));

const COLUMNS = {
  x: ["f", "d"],
  y: { from: "i", type: "i32" },
  big: { from: "big", type: "i32" },
  flag: { from: "flag", type: "u8" },
  kind: { from: "kind", type: "u8", encode: (kind: unknown) => ["a", "b", "\u{e9}"].indexOf(kind as string) },
} as const;
const EXPECTED = {
  x: {
    data: Float32Array.from({ length: 2 * COUNT }, (_, k) => (k % 2 ? -(k - 1) / 8 : k / 16)),
    shape: [2],
  },
  y: { data: Int32Array.from({ length: COUNT }, (_, i) => i % 10), shape: [] },
  big: { data: Int32Array.from({ length: COUNT }, (_, i) => i - 5), shape: [] },
  flag: { data: Uint8Array.from({ length: COUNT }, (_, i) => Number(i % 3 === 0)), shape: [] },
  kind: { data: Uint8Array.from({ length: COUNT }, (_, i) => i % 3), shape: [] },
};

describe("Parquet", () => {
  const file = temporaryFolder();

  it("reads files and bytes: numbers, booleans and text, Snappy or plain", async () => {
    for (const codec of ["SNAPPY", "UNCOMPRESSED"] as const) {
      const bytes = written({ codec });
      await writeFile(file("a.parquet"), bytes);
      expect((await parquetTable(file("a.parquet")).dataset(COLUMNS)).columns).to.deep.equal(EXPECTED);
      expect((await parquetTable(bytes).dataset(COLUMNS)).columns).to.deep.equal(EXPECTED);
    }
  });

  it("unpacks other codecs with hyparquet-compressors", async () => {
    const gzip = (input: Uint8Array): Uint8Array => new Uint8Array(gzipSync(input));
    const bytes = written({ codec: "GZIP", compressors: { GZIP: gzip } });
    expect((await parquetTable(bytes).dataset(COLUMNS)).columns).to.deep.equal(EXPECTED);
  });

  it("reads Zstandard as others write it; without hyparquet-compressors it names the line that installs it", async function () {
    this.timeout(60_000); // a process that finds no package
    const fixture = fileURLToPath(new URL("fixtures/zstd.parquet", import.meta.url));
    const kind = { from: "kind", type: "u8", encode: COLUMNS.kind.encode } as const;
    const made = await parquetTable(fixture).dataset({ f: "f", i: { from: "i", type: "i32" }, kind });
    const column = (of: (i: number) => number): number[] => numbers(600, of);
    expect(made.columns).to.deep.equal({
      f: { data: Float32Array.from(column((i) => ((i * 7919) % 1000) / 8)), shape: [] },
      i: { data: Int32Array.from(column((i) => i % 10)), shape: [] },
      kind: { data: Uint8Array.from(column((i) => (i * i) % 3)), shape: [] },
    });
    const told = withoutPackages(
      ["hyparquet-compressors"],
      `import { parquetTable } from "./lib/data/parquet.ts";
       await parquetTable(${JSON.stringify(fixture)}).dataset({ f: "f" }).catch((error) => console.log(error.code, error.message));`,
    );
    const accepted = "npm install hyparquet-compressors";
    expect(told.trim()).to.equal(
      `ADASTEP_UNAVAILABLE parquetTable: got no package "hyparquet-compressors", accepted: ${accepted}`,
    );
  });

  it("reads row group by row group, in parts of fewer records if asked", async () => {
    const table = parquetTable(written());
    const sizes = async (rows?: number): Promise<number[]> => {
      const found: number[] = [];
      const values: number[] = [];
      for await (const { size, columns } of table.chunks({ y: COLUMNS.big }, rows)) {
        found.push(size);
        values.push(...columns.y.data);
      }
      expect(values).to.deep.equal([...EXPECTED.big.data]);
      return found;
    };
    expect(await sizes()).to.deep.equal([300, 300, 300, 100]);
    expect(await sizes(200)).to.deep.equal([200, 100, 200, 100, 200, 100, 100]);
  });

  it("makes arrays of lists", async () => {
    const schema = [
      { name: "root", num_children: 1 },
      { name: "image", repetition_type: "REQUIRED", num_children: 1, converted_type: "LIST" },
      { name: "list", repetition_type: "REPEATED", num_children: 1 },
      { name: "element", repetition_type: "REQUIRED", type: "FLOAT" },
    ] as const;
    const data = [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ];
    const bytes = new Uint8Array(
      parquetWriteBuffer({
        columnData: [{ name: "image", data }],
        schema: schema.map((element) => ({ ...element })),
      }),
    );
    const { columns } = await parquetTable(bytes).dataset({ x: { from: "image", shape: [2, 2] } });
    expect(columns.x).to.deep.equal({ data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), shape: [2, 2] });
  });

  it("names the record of a null, and a field that is not there", async () => {
    const read = (from: string) => () => parquetTable(written()).dataset({ x: from });
    await expectError(
      "ADASTEP_DATA",
      /Parquet data, record 700, field "gap": got (null|undefined)/,
      read("gap"),
    );
    await expectError("ADASTEP_DATA", /got no field "z", accepted: f, d, i, big/, read("z"));
    await expectError("ADASTEP_DATA", /record 0, field "kind": got "a"/, read("kind"));
    const none = file("none.parquet");
    await expectError("ADASTEP_DATA", /none\.parquet: got ENOENT/, () =>
      parquetTable(none).dataset({ x: "f" }),
    );
    await writeFile(none, "no parquet file, but long enough to be one");
    await expectError("ADASTEP_DATA", /none\.parquet: got damaged data/, () =>
      parquetTable(none).dataset({ x: "f" }),
    );
    await writeFile(none, "");
    await expectError("ADASTEP_DATA", /none\.parquet: got damaged data/, () =>
      parquetTable(none).dataset({ x: "f" }),
    );
    await expectError("ADASTEP_ARGUMENT", /'source': got 3/, () => parquetTable(3 as unknown as string));
  });

  it("never fails but with a typed error, where the footer is damaged or the file cut short", async () => {
    const whole = written({
      columnData: SOURCES.map((source) => ({ ...source, data: source.data.slice(0, 20) })),
    });
    const footer = new DataView(whole.buffer).getUint32(whole.length - 8, true);
    const start = whole.length - 8 - footer;
    const edits = fc.array(fc.tuple(fc.nat(footer + 7), fc.nat(255)), { minLength: 1, maxLength: 3 });
    const damaged = edits.map((changes) => {
      const bytes = Uint8Array.from(whole);
      for (const [at, value] of changes) bytes[start + at] = value;
      return bytes;
    });
    const cut = fc.nat(whole.length - 1).map((end) => whole.subarray(0, end));
    await fc.assert(
      fc.asyncProperty(fc.oneof(damaged, cut), async (bytes) => {
        try {
          const { columns } = await parquetTable(bytes).dataset({ x: ["f", "d"], y: COLUMNS.y });
          expect(columns.x.data.every(Number.isFinite)).to.equal(true);
        } catch (error) {
          expect(error).to.have.property("code", "ADASTEP_DATA");
        }
      }),
      { numRuns: 500, seed: 1 }, // hyparquet may loop for ever on others, as parquetTable says
    );
  });
});
