// What the fields of a table hold: kinds of values, ranges, what is missing. One pass, in memory that does not grow with the table.

import { canonical } from "../data/csv.js";
import { DECIMAL, type Table } from "../data/table.js";

/** Different labels of a field that are counted; beyond that it is known that there are more. */
export const MAX_LABELS = 1000;

/** A field over all records. */
export interface FieldScan {
  readonly name: string;
  /** Records without it: null, or an empty text. */
  readonly missing: number;
  /** Finite numbers among its values: how many, how many of them integers, and their range, mean and deviation. */
  readonly numbers: number;
  readonly integers: number;
  readonly low: number;
  readonly high: number;
  readonly mean: number;
  readonly deviation: number;
  readonly notFinite: number;
  readonly texts: number;
  readonly booleans: number;
  /** Arrays, and their shape if it is always the same. */
  readonly arrays: number;
  readonly shape: readonly number[] | undefined;
  /** Of any other kind. */
  readonly others: number;
  /** Different texts, numbers and booleans, each with how often it occurs; undefined if there are more than MAX_LABELS. */
  readonly labels: ReadonlyMap<string, number> | undefined;
}

export interface TableScan {
  readonly rows: number;
  readonly fields: readonly FieldScan[];
}

/** @throws DataError (rejects) for records that cannot be read */
export async function scanTable(table: Table, fields: readonly string[]): Promise<TableScan> {
  const sums = fields.map((name) => new FieldSum(name));
  const columns = sums.map((sum, i) => {
    const look = (value: unknown): number => {
      sum.add(value);
      return 0;
    };
    return [`f${i}`, { from: sum.name, type: "u8", encode: look }] as const;
  });
  let rows = 0;
  for await (const { size } of table.chunks(Object.fromEntries(columns))) rows += size;
  return { rows, fields: sums };
}

class FieldSum implements FieldScan {
  missing = 0;
  numbers = 0;
  integers = 0;
  low = Number.POSITIVE_INFINITY;
  high = Number.NEGATIVE_INFINITY;
  mean = 0;
  notFinite = 0;
  texts = 0;
  booleans = 0;
  arrays = 0;
  others = 0;
  labels: Map<string, number> | undefined = new Map();
  #squares = 0;
  #shape: string | undefined;

  constructor(readonly name: string) {}

  get deviation(): number {
    return Math.sqrt(this.#squares / this.numbers);
  }

  get shape(): readonly number[] | undefined {
    return this.#shape ? (JSON.parse(this.#shape) as number[]) : undefined;
  }

  add(value: unknown): void {
    if (value === undefined || value === null || value === "") this.missing += 1;
    else if (typeof value === "string" && DECIMAL.test(value)) this.#number(Number(value), value);
    else if (typeof value === "number" || typeof value === "bigint")
      this.#number(Number(value), String(value));
    else if (typeof value === "string") this.#label("texts", value);
    else if (typeof value === "boolean") this.#label("booleans", String(value));
    else if (Array.isArray(value) || ArrayBuffer.isView(value)) this.#array(value as ArrayLike<unknown>);
    else this.others += 1;
  }

  /** Mean and squares by Welford's recurrence (1962). */
  #number(value: number, written: string): void {
    if (!Number.isFinite(value)) {
      this.notFinite += 1;
      return;
    }
    this.#label("numbers", canonical(written));
    this.integers += Number(Number.isSafeInteger(value));
    this.low = Math.min(this.low, value);
    this.high = Math.max(this.high, value);
    const before = value - this.mean;
    this.mean += before / this.numbers;
    this.#squares += before * (value - this.mean);
  }

  #label(kind: "numbers" | "texts" | "booleans", label: string): void {
    this[kind] += 1;
    const { labels } = this;
    if (!labels) return;
    const seen = labels.get(label);
    if (seen === undefined && labels.size === MAX_LABELS) this.labels = undefined;
    else labels.set(label, (seen ?? 0) + 1);
  }

  #array(value: ArrayLike<unknown>): void {
    const shape = JSON.stringify(shapeOf(value));
    this.#shape = this.arrays === 0 || this.#shape === shape ? shape : "";
    this.arrays += 1;
  }
}

/** The dimensions of a nested array, by its first elements. */
function shapeOf(value: ArrayLike<unknown>): number[] {
  const first = value[0];
  const nested = Array.isArray(first) || ArrayBuffer.isView(first);
  return [value.length, ...(nested ? shapeOf(first as ArrayLike<unknown>) : [])];
}
