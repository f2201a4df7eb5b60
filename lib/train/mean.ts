// Means over batches of unequal size.

/** A mean over examples, accumulated in double from means over batches. */
export class Mean {
  #sum = 0;
  #examples = 0;

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
}
