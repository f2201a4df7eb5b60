// A typed array that grows, for values that come one after another.

import type { ColumnData } from "./column.js";

/** Values of one type; `push` takes constant time, on average. */
export class Growing<A extends ColumnData> {
  length = 0;
  readonly #make: new (
    length: number,
  ) => A;
  #data: A;

  constructor(make: new (length: number) => A) {
    this.#make = make;
    this.#data = new make(1024);
  }

  push(value: number): void {
    if (this.length === this.#data.length) {
      const larger = new this.#make(2 * this.length);
      larger.set(this.#data);
      this.#data = larger;
    }
    this.#data[this.length++] = value;
  }

  /** A copy of the values so far. */
  array(): A {
    return this.#data.slice(0, this.length) as A;
  }
}
