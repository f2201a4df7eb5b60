// Batches made ahead on another thread, while this one trains.

import { checkInteger, checkKeys } from "../check.js";
import { ArgumentError, DisposedError, describe } from "../errors.js";
import type { AsyncBatches, Batch, BatchOptions } from "./batches.js";
import type { Column } from "./column.js";
import { errorOf, type Reply } from "./prefetch-messages.js";
import { giveBack, Thread } from "./prefetch-thread.js";
import { leavable, unlessAborted } from "./waiting.js";

/** How batches are made ahead. */
export interface PrefetchOptions {
  /** What the module's function gets: anything that can be copied to a thread. */
  readonly data?: unknown;
  /** Batches that may wait, 1 or more; default 2. Memory holds as many, and one or two that are being made or in use. */
  readonly ahead?: number;
  /** Ends the thread; whoever reads then gets its reason. */
  readonly signal?: AbortSignal;
}

/**
 * A dataset whose batches are made on a thread of its own, by a module that calls `serveBatches`: reading, parsing, decoding
 * and augmenting then cost the thread that trains nothing. Order and bits are those of the dataset itself.
 *
 * ```ts
 * await using data = await PrefetchedDataset.open(new URL("./loader.js", import.meta.url), { data: "train.csv" });
 * for await (const { columns } of data.batches({ batchSize: 128, shuffle: 1, epoch })) await step.run(columns);
 * ```
 *
 * Leaving the loop ends the epoch on the thread too, and waits for it: what the loader's `finally` does has been done. A
 * thread that is not in use does not keep the process alive.
 */
export class PrefetchedDataset<N extends string = string, O extends BatchOptions = BatchOptions>
  implements AsyncDisposable
{
  /** How many examples; undefined where that is not known. */
  readonly size: number | undefined;
  /** Type and shape of the columns, without their values; undefined if the dataset does not tell. */
  readonly columns: Readonly<Record<string, Column>> | undefined;
  readonly #thread: Thread;
  readonly #ahead: number;

  private constructor(thread: Thread, ahead: number, { size, columns }: Extract<Reply, { type: "ready" }>) {
    this.#thread = thread;
    this.#ahead = ahead;
    this.size = size;
    this.columns = columns;
  }

  /**
   * Starts the thread and waits until the module has made its dataset.
   * @param module its URL, such as `new URL("./loader.js", import.meta.url)`
   * @throws ArgumentError (rejects) for a wrong option; DataError for a module that cannot be loaded, or ends without
   *   `serveBatches`; what the function given to that throws
   */
  static async open<N extends string = string, O extends BatchOptions = BatchOptions>(
    module: URL,
    options: PrefetchOptions = {},
  ): Promise<PrefetchedDataset<N, O>> {
    if (!(module instanceof URL)) {
      const [argument, accepted] = ["PrefetchedDataset.open: 'module'", "a URL"];
      throw new ArgumentError({ argument, got: describe(module), accepted });
    }
    checkKeys("PrefetchedDataset.open", options, ["data", "ahead", "signal"]);
    const ahead = checkInteger("PrefetchedDataset.open: 'ahead'", options.ahead ?? 2, 1);
    const { signal } = options;
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      const [argument, accepted] = ["PrefetchedDataset.open: 'signal'", "an AbortSignal"];
      throw new ArgumentError({ argument, got: describe(signal), accepted });
    }
    signal?.throwIfAborted();
    const thread = new Thread(module, options.data, signal);
    try {
      return new PrefetchedDataset<N, O>(thread, ahead, await thread.ready);
    } catch (cause) {
      await thread.end(cause);
      throw cause;
    }
  }

  /**
   * The batches of one epoch; several epochs may be read at once.
   * @throws DisposedError after `close`. The loop throws what the dataset throws for these options and while it reads, and
   *   DataError if the thread ends.
   */
  batches(options: O): AsyncBatches<N> {
    return this.#batches(options, false);
  }

  /**
   * As `batches`, but lent: a batch lies in memory that devices read from where it lies, and that is used again. `program.run`
   * makes no copy of it, which saves this thread the time; a `Trainer` reads its data so. A batch is valid until the next one is
   * asked for or the loop is left: what is to be kept has to be copied. Do not write to it.
   */
  staged(options: O): AsyncBatches<N> {
    return this.#batches(options, true);
  }

  #batches(options: O, staged: boolean): AsyncBatches<N> {
    this.#thread.checkAlive();
    return {
      count: undefined,
      [Symbol.asyncIterator]: () => leavable((signal) => this.#read(options, staged, signal)),
    };
  }

  async *#read(options: O, staged: boolean, signal: AbortSignal): AsyncGenerator<Batch<N>, void, void> {
    const thread = this.#thread;
    const session = thread.open(options, this.#ahead, staged);
    let ended = false;
    try {
      for (;;) {
        const reply = await unlessAborted(thread.next(session), signal);
        if (!reply) return;
        if (!reply.batch) {
          ended = true;
          if (reply.failure) throw errorOf(reply.failure);
          return;
        }
        thread.more(session);
        try {
          yield reply.batch as Batch<N>;
        } finally {
          giveBack(reply.batch);
        }
      }
    } finally {
      try {
        if (!ended) await thread.leave(session);
      } finally {
        thread.forget(session);
      }
    }
  }

  /** Ends the thread. Whoever reads a batch gets a DisposedError. */
  async close(): Promise<void> {
    await this.#thread.end(new DisposedError("PrefetchedDataset: it is closed"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
