// The batches of an epoch as a run draws them: it does not wait for data when it is to stop.

import type { AsyncBatches, Batch, Batches } from "../data/batches.js";
import { unlessAborted } from "../data/waiting.js";

/** Milliseconds that a dataset has to close what it waits for. Those of this package take none of them. */
const GRACE = 1000;

/** Draws batches one by one. */
export class BatchReader {
  readonly #batches: Iterator<Batch> | AsyncIterator<Batch>;
  readonly #stopping: AbortSignal;
  #waiting = false;

  constructor(batches: Batches | AsyncBatches, stopping: AbortSignal) {
    this.#batches =
      Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
    this.#stopping = stopping;
  }

  /** The next batch or the end; undefined if the run is to stop. @throws what the data throw */
  async next(): Promise<IteratorResult<Batch, unknown> | undefined> {
    this.#waiting = true;
    const next = await unlessAborted(Promise.resolve(this.#batches.next()), this.#stopping);
    this.#waiting = next === undefined;
    return next;
  }

  /** Leaves the epoch. @throws what the data throw while they are closed */
  async close(): Promise<void> {
    const closed = Promise.resolve(this.#batches.return?.());
    if (!this.#waiting) {
      await closed;
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, GRACE);
    });
    await Promise.race([closed.catch(() => undefined), late]);
    clearTimeout(timer);
  }
}
