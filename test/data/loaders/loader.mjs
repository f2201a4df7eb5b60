// A module that makes batches on a thread of its own: what it makes, and how it fails, is in the data that it is given.
import { PassThrough } from "node:stream";
import { register } from "tsx/esm/api";

register();
const { serveBatches } = await import("../../../lib/data/serve-batches.ts");
const { Dataset } = await import("../../../lib/data/dataset.ts");
const { StreamDataset } = await import("../../../lib/data/stream.ts");
const { SparseDataset } = await import("../../../lib/data/sparse.ts");
const { DataError } = await import("../../../lib/errors.ts");

/** Examples x = [i, -i], y = i modulo 251. */
function numbered(size) {
  const x = Float32Array.from({ length: 2 * size }, (_, i) => (i % 2 === 0 ? i / 2 : -(i - 1) / 2));
  const y = Uint8Array.from({ length: size }, (_, i) => i % 251);
  return new Dataset({ x: { data: x, shape: [2] }, y: { data: y, shape: [] } });
}

/** Counts in shared memory: [0] batches begun, [1] epochs whose generator has ended. */
function counting(counts, made) {
  return {
    batches: async function* () {
      try {
        for (let i = 0; ; i++) {
          Atomics.add(counts, 0, 1);
          yield made(i);
        }
      } finally {
        await new Promise((resolve) => setTimeout(resolve, 20));
        Atomics.add(counts, 1, 1);
      }
    },
  };
}

const one = (i) => ({ size: 1, columns: { x: Float32Array.of(i) } });

/** Batch i: as many numbers i. */
const constant = (length, i) => ({
  size: length,
  columns: { x: new Float32Array(length).fill(i), y: new Uint8Array(length).fill(i) },
});

/** Batches of these sizes, whose arrays end as soon as the next is asked for. */
function sized(sizes, ending) {
  return {
    *batches() {
      for (const [i, size] of sizes.entries()) {
        const batch = constant(size, i);
        const memory = new ArrayBuffer(4 * size, { maxByteLength: 8 * size });
        const x = new Float32Array(memory);
        x.set(batch.columns.x);
        yield { size, columns: { ...batch.columns, x } };
        if (ending === "resize") memory.resize(0);
        else memory.transfer?.();
        batch.columns.y.fill(255);
      }
    },
  };
}

const KINDS = {
  constant: ({ counts, length }) => counting(counts, (i) => constant(length, i)),
  dying: ({ counts, length }) =>
    counting(counts, (i) => {
      if (i === 3) process.exit(7);
      return constant(length, i);
    }),
  sized: ({ sizes, ending }) => sized(sizes, ending),
  memory: ({ size }) => numbered(size),
  stream: async ({ size }) => {
    const data = numbered(size);
    return new StreamDataset({ columns: data.columns, open: () => [data], buffer: 50 });
  },
  waiting: ({ size, of }) => {
    const x = Float32Array.from({ length: 4 * size }, (_, i) => i % 7);
    const y = Int32Array.from({ length: size }, (_, i) => i % 3);
    const data = new Dataset({ x: { data: x, shape: [4] }, y: { data: y, shape: [] } });
    const open = () => {
      const source = new PassThrough({ objectMode: true });
      source.write(data);
      return source;
    };
    return new StreamDataset({ columns: data.columns, open, size: of });
  },
  sparse: ({ rows }) => new SparseDataset(rows),
  endless: ({ counts }) => counting(counts, one),
  typed: ({ counts }) =>
    counting(counts, (i) => {
      if (i === 3) throw new DataError({ argument: "a.csv, line 3", got: "x", accepted: "a number" });
      return one(i);
    }),
  plain: ({ counts }) =>
    counting(counts, (i) => {
      if (i === 3) throw new RangeError("the fourth is missing");
      return one(i);
    }),
  odd: ({ counts }) =>
    counting(counts, () => {
      throw { toString: () => "no error", call: () => undefined };
    }),
  exits: ({ counts }) =>
    counting(counts, (i) => {
      if (i === 3) process.exit(7);
      return one(i);
    }),
  refuses: async () => {
    throw new DataError({ argument: "none.csv", got: "ENOENT", accepted: "a file" });
  },
};

serveBatches((data) => KINDS[data.kind](data));
