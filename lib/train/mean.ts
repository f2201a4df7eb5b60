// Means over batches of unequal size.

/** A mean over examples, accumulated in double from means over batches. */
export class Mean {
  #sum: number;
  #examples: number;

  /** Empty, or what `state` gave. */
  constructor([sum, examples]: readonly [sum: number, examples: number] = [0, 0]) {
    this.#sum = sum;
    this.#examples = examples;
  }

  /** Takes in the mean of a batch. */
  add(mean: number, examples: number): void {
    this.#sum += mean * examples;
    this.#examples += examples;
  }

  get examples(): number {
    return this.#examples;
  }

  /** Of nothing it is NaN. */
  get value(): number {
    return this.#sum / this.#examples;
  }

  /** Sum and number of examples: all there is to continue it. */
  get state(): [sum: number, examples: number] {
    return [this.#sum, this.#examples];
  }
}
