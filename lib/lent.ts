// Memory that is lent: one thread fills it, and whoever gets a part of it reads it where it lies until it goes back. Datasets
// lend, devices read; neither knows the other.

import { DisposedError } from "./errors.js";

/** A part of lent memory, from when it is handed out until nobody reads it any more. */
export class Loan {
  readonly memory: LentMemory;
  readonly #back: () => void;
  #readers = 0;
  #over = false;

  /** @param back called once, when the loan is over and no device reads any more */
  constructor(memory: LentMemory, back: () => void) {
    this.memory = memory;
    this.#back = back;
  }

  /** Whether nobody may begin to read. */
  get over(): boolean {
    return this.#over;
  }

  /** The borrower is done; what devices have begun to read they read to the end. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#readers === 0) this.#back();
  }

  /** A device reads, until the function is called that is returned. */
  read(): () => void {
    this.#readers++;
    return () => {
      this.#readers--;
      if (this.#over && this.#readers === 0) this.#back();
    };
  }
}

const memories = new WeakMap<ArrayBufferLike, LentMemory>();
const loans = new WeakMap<ArrayBufferView, Loan>();

/** Shared memory, parts of which are lent. */
export class LentMemory {
  readonly buffer: SharedArrayBuffer;
  /** The loan of the part that the byte belongs to, if it is lent. */
  readonly loanAt: (byteOffset: number) => Loan | undefined;
  readonly #onEnd: (() => void)[] = [];
  #ended = false;

  constructor(buffer: SharedArrayBuffer, loanAt: (byteOffset: number) => Loan | undefined) {
    this.buffer = buffer;
    this.loanAt = loanAt;
    memories.set(buffer, this);
  }

  /** Whether no more of it will be lent. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Calls `then` when it ends. */
  onEnd(then: () => void): void {
    this.#onEnd.push(then);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const then of this.#onEnd.splice(0)) then();
  }
}

/** Says of which loan an array is. */
export function lend<A extends ArrayBufferView>(array: A, loan: Loan): A {
  loans.set(array, loan);
  return array;
}

/**
 * The loan that an array is part of; undefined for memory of the caller's own.
 * @throws DisposedError for one that is over: another batch may be written there now
 */
export function loanOf(argument: string, array: ArrayBufferView): Loan | undefined {
  const memory = memories.get(array.buffer);
  if (!memory) return undefined;
  const loan = loans.get(array) ?? memory.loanAt(array.byteOffset);
  if (loan && !loan.over) return loan;
  const accepted = "it before the next batch is asked for, or a copy: array.slice()";
  throw new DisposedError({ argument, got: "an array of a batch that went back", accepted });
}
