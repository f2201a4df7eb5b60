import { execFileSync } from "node:child_process";
import { appendFile, open, truncate, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import fc from "fast-check";
import type { AsyncBatches, Batch, BatchOptions } from "../../lib/data/batches.js";
import { Dataset } from "../../lib/data/dataset.js";
import { FileDataset } from "../../lib/data/file-dataset.js";
import { encodeNpy, type NpyArray, npyColumn, writeNpy } from "../../lib/data/npy.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";

/** An IDX file of i32 or u8 values. */
function idx(shape: readonly number[], values: Int32Array | Uint8Array): Buffer {
  const wide = values instanceof Int32Array;
  const bytes = Buffer.alloc(4 + 4 * shape.length + values.byteLength);
  bytes.set([0, 0, wide ? 12 : 8, shape.length]);
  for (const [i, dimension] of shape.entries()) bytes.writeUInt32BE(dimension, 4 + 4 * i);
  const start = 4 + 4 * shape.length;
  values.forEach((value, i) => {
    if (wide) bytes.writeInt32BE(value, start + 4 * i);
    else bytes[start + i] = value;
  });
  return bytes;
}

async function collect(batches: AsyncBatches): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

describe("FileDataset", () => {
  const file = temporaryFolder();
  const SIZE = 23;

  /** One column of every type, as files and in memory. */
  async function both(): Promise<[FileDataset, Dataset]> {
    const numbers = (length: number): number[] => Array.from({ length }, (_, i) => (i * 37) % 101);
    const arrays: Record<string, NpyArray> = {
      f4: { dtype: "f4", shape: [SIZE, 2, 3], data: Float32Array.from(numbers(SIZE * 6), (v) => v / 8) },
      f8: { dtype: "f8", shape: [SIZE], data: Float64Array.from(numbers(SIZE), (v) => v / 3) },
      i4: { dtype: "i4", shape: [SIZE, 1], data: Int32Array.from(numbers(SIZE), (v) => -v) },
      i8: { dtype: "i8", shape: [SIZE], data: BigInt64Array.from(numbers(SIZE), (v) => BigInt(v)) },
      u1: { dtype: "u1", shape: [SIZE, 5], data: Uint8Array.from(numbers(SIZE * 5)) },
      b1: { dtype: "b1", shape: [SIZE], data: Uint8Array.from(numbers(SIZE), (v) => v % 2) },
    };
    for (const [name, array] of Object.entries(arrays)) await writeNpy(file(`${name}.npy`), array);
    const wide = Int32Array.from(numbers(SIZE * 2), (v) => v * 1_000_000);
    const bytes = Uint8Array.from(numbers(SIZE * 4));
    await writeFile(file("wide.idx"), idx([SIZE, 2], wide));
    await writeFile(file("bytes.idx"), idx([SIZE, 2, 2], bytes));
    const paths = Object.keys(arrays).map((name) => [name, file(`${name}.npy`)]);
    const files = await FileDataset.open({
      ...(Object.fromEntries(paths) as Record<string, string>),
      wide: file("wide.idx"),
      bytes: file("bytes.idx"),
    });
    const columns = Object.entries(arrays).map(([name, array]) => [name, npyColumn(array)]);
    const memory = new Dataset({
      ...Object.fromEntries(columns),
      wide: { data: wide, shape: [2] },
      bytes: { data: bytes, shape: [2, 2] },
    });
    return [files, memory];
  }

  it("gives the batches of the dataset in memory, bit for bit, in every order and from every start", async () => {
    const [files, memory] = await both();
    await using _ = files;
    expect(files.size).to.equal(SIZE);
    expect(files.names).to.deep.equal(memory.names);
    for (const name of memory.names) {
      expect(files.columns[name]?.shape).to.deep.equal(memory.columns[name]?.shape);
      expect(files.columns[name]?.data.constructor).to.equal(memory.columns[name]?.data.constructor);
    }
    const options: fc.Arbitrary<BatchOptions> = fc.record(
      {
        batchSize: fc.integer({ min: 1, max: 30 }),
        shuffle: fc.nat(5),
        epoch: fc.nat(5),
        dropLast: fc.boolean(),
      },
      { requiredKeys: ["batchSize"] },
    );
    await fc.assert(
      fc.asyncProperty(options, fc.nat(30), async (chosen, from) => {
        const { count } = memory.batches(chosen);
        const start = count === 0 ? 0 : from % count;
        const read = files.batches({ ...chosen, start });
        expect(read.count).to.equal(count);
        expect(await collect(read)).to.deep.equal([...memory.batches({ ...chosen, start })]);
      }),
    );
  });

  it("reads again what is iterated again, also twice at once and left early", async () => {
    const [files, memory] = await both();
    await using _ = files;
    const options = { batchSize: 4, shuffle: 3 };
    const batches = files.batches(options);
    for await (const { size } of batches) {
      expect(size).to.equal(4);
      break;
    }
    const [one, two] = await Promise.all([collect(batches), collect(batches)]);
    expect(one).to.deep.equal([...memory.batches(options)]);
    expect(two).to.deep.equal(one);
  });

  it("names file and value of what a column cannot hold, wherever it comes in the order", async () => {
    const data = Float32Array.from({ length: 20 }, (_, i) => (i === 13 ? Number.NaN : i));
    await writeNpy(file("a.npy"), { dtype: "f4", shape: [10, 2], data });
    await using files = await FileDataset.open({ x: file("a.npy") });
    for (const shuffle of [undefined, 1, 2]) {
      const order = shuffle === undefined ? {} : { shuffle };
      await expectError("ADASTEP_DATA", /a\.npy, value 13: got NaN/, () =>
        collect(files.batches({ batchSize: 3, ...order })),
      );
    }
    await writeNpy(file("b.npy"), { dtype: "b1", shape: [3], data: Uint8Array.of(0, 1, 1) });
    await using flags = await FileDataset.open({ x: file("b.npy") });
    const handle = await open(file("b.npy"), "r+");
    await handle.write(Uint8Array.of(2), 0, 1, (await handle.stat()).size - 1);
    await handle.close();
    await expectError("ADASTEP_DATA", /b\.npy, value 2: got 2, accepted: 0 or 1/, () =>
      collect(flags.batches({ batchSize: 2 })),
    );
  });

  it("refuses files that are none of its formats, packed, damaged, or of another size", async () => {
    const chunks = encodeNpy({ dtype: "u1", shape: [3], data: new Uint8Array(3) });
    const refuses = (
      pattern: RegExp,
      code: "ADASTEP_DATA" | "ADASTEP_SHAPE" = "ADASTEP_DATA",
    ): Promise<void> => expectError(code, pattern, () => FileDataset.open({ x: file("a"), y: file("y") }));
    await writeFile(file("y"), chunks);
    await refuses(/a: got ENOENT/);
    await writeFile(file("a"), gzipSync(Buffer.concat(chunks)));
    await refuses(/a: got a gzip file, accepted: an unpacked one/);
    await writeFile(file("a"), "x,y\n1,2\n");
    await refuses(/a: got 8 bytes/);
    await writeFile(file("a"), "");
    await refuses(/a: got 0 bytes/);
    await writeFile(file("a"), chunks);
    await appendFile(file("a"), "x");
    await refuses(/a: got 4 bytes of values, accepted: 3 bytes/);
    await truncate(file("a"), 20);
    await refuses(/a: got a header length/);
    await writeFile(file("a"), idx([2, 2], new Uint8Array(4)).subarray(0, 13));
    await refuses(/a: got 13 bytes \(cut short\?\)/);
    await writeNpy(file("a"), { dtype: "f4", shape: [], data: Float32Array.of(1) });
    await refuses(/a: got the shape \[\], accepted: examples first/, "ADASTEP_SHAPE");
    await writeNpy(file("a"), { dtype: "u1", shape: [2, 2], data: new Uint8Array(4) });
    await refuses(/y: got 3 examples, accepted: 2 examples, as .*a has/, "ADASTEP_SHAPE");
    await expectError("ADASTEP_ARGUMENT", /'paths': got an object/, () => FileDataset.open({}));
  });

  it("fails with a typed error when its file is cut while it reads, and once it is closed", async () => {
    await writeNpy(file("a.npy"), { dtype: "f4", shape: [1000, 4], data: new Float32Array(4000) });
    const files = await FileDataset.open({ x: file("a.npy") });
    await truncate(file("a.npy"), 5000);
    await expectError("ADASTEP_DATA", /a\.npy: got a file of 5000 bytes, accepted: \d+ at least/, () =>
      collect(files.batches({ batchSize: 100 })),
    );
    const batches = files.batches({ batchSize: 10 });
    await files.close();
    await files.close();
    await expectError("ADASTEP_DISPOSED", /closed/, () => collect(batches));
    await expectError("ADASTEP_DISPOSED", /closed/, () => files.batches({ batchSize: 10 }));
    await expectError("ADASTEP_ARGUMENT", /FileDataset.batches: 'batchSize'/, async () => {
      await using again = await FileDataset.open({ x: file("y.npy") }).catch(() => both().then(([f]) => f));
      again.batches({ batchSize: 0 });
    });
  });

  it("reads files larger than the memory that it may take, shuffled", async function () {
    this.timeout(60_000);
    const [rows, width] = [40_000, 2048]; // of f4: 328 MB, a sparse file whose rows start with their number
    const [header] = encodeNpy({ dtype: "f4", shape: [0, width], data: new Float32Array(0) }) as [Uint8Array];
    const text = Buffer.from(header).toString("latin1").replace(`(0, ${width})`, `(${rows}, ${width})`);
    const padded = Buffer.from(`${text.trimEnd().padEnd(header.length - 1)}\n`, "latin1").subarray(
      0,
      header.length,
    );
    padded.write("\n", header.length - 1);
    const handle = await open(file("large.npy"), "w");
    await handle.write(padded, 0, padded.length, 0);
    await handle.truncate(header.length + rows * width * 4);
    const number = new Float32Array(1);
    for (let row = 0; row < rows; row += 97) {
      number[0] = row;
      await handle.write(number, 0, 4, header.length + row * width * 4);
    }
    await handle.close();
    // A process of its own: how much memory it has ever held is what it tells at its end.
    const code = `
      import { FileDataset } from "./lib/data/file-dataset.ts";
      const data = await FileDataset.open({ x: ${JSON.stringify(file("large.npy"))} });
      const base = process.resourceUsage().maxRSS;
      let [examples, sum, first] = [0, 0, -1];
      for await (const { size, columns } of data.batches({ batchSize: 256, shuffle: 7 })) {
        examples += size;
        for (let i = 0; i < size; i++) sum += columns.x[i * ${width}];
        if (first < 0) first = columns.x[0];
      }
      await data.close();
      const grown = (process.resourceUsage().maxRSS - base) / 1024;
      console.log(JSON.stringify({ examples, sum, grown }));`;
    const options = ["--max-old-space-size=64", "--import", "tsx/esm", "--input-type=module", "-e", code];
    const output = execFileSync(process.execPath, options, {
      encoding: "utf8",
      cwd: new URL("../..", import.meta.url),
    });
    const { examples, sum, grown } = JSON.parse(output) as { examples: number; sum: number; grown: number };
    expect(examples).to.equal(rows);
    const marked = Math.ceil(rows / 97);
    expect(sum).to.equal((97 * marked * (marked - 1)) / 2); // every row once
    expect(grown, "MiB of growth").to.be.below(150); // less than half of the file; batches are 2 MiB
  });
});
