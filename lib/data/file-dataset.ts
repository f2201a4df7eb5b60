// Datasets that stay in their files: .npy and IDX, of which any example can be read where it lies.

import type { FileHandle } from "node:fs/promises";
import { ArgumentError, DataError, DisposedError, describe, ShapeError } from "../errors.js";
import { type AsyncBatches, type Batch, type BatchOptions, type BatchPlan, planBatches } from "./batches.js";
import { type Column, type ColumnData, lengthOf } from "./column.js";
import { COLUMN_ARRAYS, type ColumnType, numbersOf } from "./convert.js";
import { openFile, readAt } from "./files.js";
import { IDX_HEAD, idxLayout, idxValues } from "./idx.js";
import { NPY_HEAD, npyBytes, npyColumnType, npyLayout, npyValues } from "./npy.js";

/** A column in a file. */
interface ColumnFile {
  readonly path: string;
  readonly handle: FileHandle;
  readonly size: number;
  /** What it is without examples: its type, and the shape of one. */
  readonly column: Column;
  /** The byte at which the examples start, and bytes of each. */
  readonly start: number;
  readonly bytes: number;
  /** What bytes of whole examples hold; `first` names their values, for messages. */
  decode(bytes: Uint8Array, place: (value: number) => string): ColumnData;
}

/**
 * Examples in files, a column each, of which only the batches in use are in memory: .npy (f4, f8, i4, i8, u1 or bool) or
 * IDX, unpacked. The order of a shuffled epoch is exact, not that of a buffer, and the same as that of a `Dataset` of the
 * same seed: it takes 4 bytes per example. The next batch is read while one is in use.
 *
 * ```ts
 * await using data = await FileDataset.open({ x: "images.npy", y: "labels.npy" });
 * for await (const { columns } of data.batches({ batchSize: 128, shuffle: 1, epoch })) use(columns.x, columns.y);
 * ```
 */
export class FileDataset<N extends string = string> implements AsyncDisposable {
  /** How many examples. */
  readonly size: number;
  /** Type and shape of the columns, without their values. */
  readonly columns: Readonly<Record<N, Column>>;
  readonly #files: ReadonlyMap<N, ColumnFile>;
  #closed = false;

  private constructor(files: ReadonlyMap<N, ColumnFile>) {
    this.#files = files;
    this.size = [...files.values()][0]?.size ?? 0;
    const columns = [...files].map(([name, { column }]) => [name, column] as const);
    this.columns = Object.freeze(Object.fromEntries(columns) as Record<N, Column>);
  }

  /**
   * Opens the files of a dataset.
   * @throws ArgumentError (rejects) for no columns; DataError for a file that cannot be read, is packed, is neither .npy
   *   nor IDX, or not whole; ShapeError for an array that is no list of examples, or of another number of them.
   */
  static async open<N extends string>(paths: Readonly<Record<N, string>>): Promise<FileDataset<N>> {
    const names = Object.keys(paths ?? {}) as N[];
    if (names.length === 0) {
      const [argument, accepted] = ["FileDataset.open: 'paths'", "a path per column: { x: path, y: path }"];
      throw new ArgumentError({ argument, got: describe(paths), accepted });
    }
    const files = new Map<N, ColumnFile>();
    try {
      for (const name of names) files.set(name, await openColumn(paths[name]));
      checkSizes([...files.values()]);
    } catch (cause) {
      for (const { handle } of files.values()) await handle.close();
      throw cause;
    }
    return new FileDataset(files);
  }

  /** Names of the columns, in the order given. */
  get names(): N[] {
    return [...this.#files.keys()];
  }

  /**
   * The batches of one epoch, as those of `Dataset.batches`.
   * @throws ArgumentError for an option out of range, or one that does not exist; DisposedError after `close`. The loop
   *   throws DataError for what cannot be read, and for values that a column cannot hold, naming them.
   */
  batches(options: BatchOptions): AsyncBatches<N> {
    this.#checkOpen();
    const plan = planBatches("FileDataset.batches", this.size, options);
    return {
      count: plan.count,
      [Symbol.asyncIterator]: () => this.#read(plan),
    };
  }

  async *#read({ start, count, indices }: BatchPlan): AsyncGenerator<Batch<N>, void, void> {
    const read = (index: number): Promise<Batch<N>> | undefined => {
      if (index >= count) return undefined;
      const work = this.#gather(indices(index));
      work.catch(() => undefined); // it may fail before it is asked for; it is awaited below
      return work;
    };
    let next = read(start);
    try {
      for (let index = start; next; index++) {
        const current = await next;
        next = read(index + 1);
        yield current;
      }
    } finally {
      await next?.catch(() => undefined);
    }
  }

  /** The examples of these indices, in that order. */
  async #gather(indices: Uint32Array): Promise<Batch<N>> {
    this.#checkOpen();
    const columns = [...this.#files].map(
      async ([name, file]) => [name, await readRows(file, indices)] as const,
    );
    const read = await Promise.all(columns);
    return { size: indices.length, columns: Object.fromEntries(read) as Record<N, ColumnData> };
  }

  #checkOpen(): void {
    if (this.#closed) throw new DisposedError("FileDataset: it is closed");
  }

  /** Closes the files; what is being read is read to its end. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([...this.#files.values()].map(({ handle }) => handle.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function readRows(file: ColumnFile, indices: Uint32Array): Promise<ColumnData> {
  const { bytes, start, handle, path, column } = file;
  const all = new Uint8Array(indices.length * bytes);
  const runs: Promise<void>[] = [];
  for (let from = 0, to = 0; from < indices.length; from = to) {
    const first = indices[from] as number;
    do to++;
    while (to < indices.length && indices[to] === first + (to - from));
    runs.push(readAt(handle, all.subarray(from * bytes, to * bytes), start + first * bytes, path));
  }
  await Promise.all(runs);
  const length = lengthOf(column.shape);
  return file.decode(all, (value) => {
    const place = (indices[Math.floor(value / length)] as number) * length + (value % length);
    return `${path}, value ${place}`;
  });
}

async function openColumn(path: string): Promise<ColumnFile> {
  const { handle } = await openFile(path);
  try {
    const { size } = await handle.stat();
    const head = new Uint8Array(Math.min(size, Math.max(NPY_HEAD, IDX_HEAD)));
    await readAt(handle, head, 0, path);
    if (head[0] === 0x1f && head[1] === 0x8b) {
      const accepted = "an unpacked one, in which examples can be read where they lie";
      throw new DataError({ argument: path, got: "a gzip file", accepted });
    }
    const layout = head[0] === 0 ? idxColumn(head, size, path) : npyColumn(head, size, path);
    const [examples, ...shape] = layout.shape;
    if (examples === undefined || shape.includes(0)) {
      const accepted = "examples first, then dimensions of 1 or more";
      throw new ShapeError({ argument: path, got: `the shape [${layout.shape.join(", ")}]`, accepted });
    }
    const { start, width, decode } = layout;
    const column = { data: new COLUMN_ARRAYS[layout.type](0), shape: Object.freeze(shape) };
    return { path, handle, size: examples, column, start, bytes: width * lengthOf(shape), decode };
  } catch (cause) {
    await handle.close();
    throw cause;
  }
}

interface Layout extends Pick<ColumnFile, "start" | "decode"> {
  readonly type: ColumnType;
  readonly shape: readonly number[];
  /** Bytes of one value. */
  readonly width: number;
}

function idxColumn(head: Uint8Array, size: number, path: string): Layout {
  const layout = idxLayout(head, size, path);
  const width = COLUMN_ARRAYS[layout.type].BYTES_PER_ELEMENT;
  return { ...layout, width, decode: (bytes) => idxValues(layout.type, bytes) };
}

function npyColumn(head: Uint8Array, size: number, path: string): Layout {
  const { dtype, shape, start } = npyLayout(head, size, path);
  const type = npyColumnType(dtype);
  const decode: Layout["decode"] = (bytes, place) => numbersOf(type, npyValues(dtype, bytes, place), place);
  return { type, shape, start, width: npyBytes(dtype), decode };
}

function checkSizes(files: readonly ColumnFile[]): void {
  const [first, ...others] = files as [ColumnFile, ...ColumnFile[]];
  const other = others.find(({ size }) => size !== first.size);
  if (!other) return;
  const accepted = `${first.size} examples, as ${first.path} has`;
  throw new ShapeError({ argument: other.path, got: `${other.size} examples`, accepted });
}
