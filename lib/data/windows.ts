// Windows of a long sequence of tokens: what a language model sees, and what comes next.

import { checkInteger, checkKeys } from "../check.js";
import { DataError, DTypeError, describe } from "../errors.js";
import { type Batch, type Batches, type BatchOptions, planBatches } from "./batches.js";
import type { Column } from "./column.js";

/** How a sequence is cut. */
export interface WindowOptions {
  /** Tokens of an example, 1 or more. */
  readonly length: number;
  /** From the start of one window to that of the next. Default: `length`, so that they do not overlap. */
  readonly stride?: number;
}

/**
 * Windows of a sequence as examples: x, i32 [length], and y, i32 [length], the same one token later. The sequence is held
 * once, however much the windows overlap.
 *
 * ```ts
 * const tokenizer = CharacterTokenizer.fit(text);
 * const train = new TokenWindows(tokenizer.encode(text), { length: 64, stride: 1 });
 * for (const { columns } of train.batches({ batchSize: 32, shuffle: 1, epoch })) use(columns.x, columns.y);
 * ```
 */
export class TokenWindows {
  /** How many windows. */
  readonly size: number;
  /** Type and shape of the columns, without their values. */
  readonly columns: Readonly<Record<"x" | "y", Column>>;
  readonly #tokens: Int32Array;
  readonly #length: number;
  readonly #stride: number;

  /**
   * @param tokens is not copied
   * @throws DTypeError for tokens that are no Int32Array, ArgumentError for a wrong option; DataError if they are not
   *   enough for a window and the token after it
   */
  constructor(tokens: Int32Array, options: WindowOptions) {
    if (!(tokens instanceof Int32Array)) {
      throw new DTypeError({
        argument: "TokenWindows: 'tokens'",
        got: describe(tokens),
        accepted: "an Int32Array",
      });
    }
    checkKeys("TokenWindows", options, ["length", "stride"]);
    this.#tokens = tokens;
    this.#length = checkInteger("TokenWindows: 'length'", options.length, 1);
    this.#stride = checkInteger("TokenWindows: 'stride'", options.stride ?? this.#length, 1);
    if (tokens.length <= this.#length) {
      const accepted = `${this.#length + 1} at least: a window, and the token after it`;
      throw new DataError({ argument: "TokenWindows: 'tokens'", got: `${tokens.length} tokens`, accepted });
    }
    this.size = Math.floor((tokens.length - 1 - this.#length) / this.#stride) + 1;
    const column = Object.freeze({ data: new Int32Array(0), shape: Object.freeze([this.#length]) });
    this.columns = Object.freeze({ x: column, y: column });
  }

  /** Names of the columns. */
  get names(): ("x" | "y")[] {
    return ["x", "y"];
  }

  /**
   * The batches of one epoch, in the order that `Dataset.batches` has.
   * @throws ArgumentError for an option out of range, or one that does not exist.
   */
  batches(options: BatchOptions): Batches<"x" | "y"> {
    const plan = planBatches("TokenWindows.batches", this.size, options);
    const batch = (index: number): Batch<"x" | "y"> => {
      const { from, to, picked } = plan.batch(index);
      return this.#windows(to - from, (i) => picked?.[i] ?? from + i);
    };
    return {
      count: plan.count,
      *[Symbol.iterator]() {
        for (let index = plan.start; index < plan.count; index++) yield batch(index);
      },
    };
  }

  #windows(size: number, numberOf: (i: number) => number): Batch<"x" | "y"> {
    const length = this.#length;
    const [x, y] = [new Int32Array(size * length), new Int32Array(size * length)];
    for (let i = 0; i < size; i++) {
      const start = numberOf(i) * this.#stride;
      x.set(this.#tokens.subarray(start, start + length), i * length);
      y.set(this.#tokens.subarray(start + 1, start + 1 + length), i * length);
    }
    return { size, columns: { x, y } };
  }
}
