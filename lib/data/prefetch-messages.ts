// What a thread that makes batches and the one that takes them tell each other.

import { AdastepError, type ErrorCode, makeError } from "../errors.js";
import type { AsyncBatches, Batch, Batches, BatchOptions } from "./batches.js";
import type { Column } from "./column.js";
import type { PlacedColumn, RingMemory } from "./ring.js";

/** What has batches: every dataset of this package, and whatever else gives the same. */
export interface BatchSource<N extends string = string, O extends BatchOptions = BatchOptions> {
  /** How many examples; undefined where that is not known. */
  readonly size?: number | undefined;
  /** Type and shape of the columns; their data may be empty. */
  readonly columns?: Readonly<Record<string, Column>>;
  batches(options: O): Batches<N> | AsyncBatches<N>;
}

/** To the thread that makes batches. A session is one epoch that is read. */
export type Request =
  | {
      readonly type: "open";
      readonly session: number;
      readonly options: BatchOptions;
      readonly ahead: number;
      /** Whether batches are to come in shared memory, as far as they fit. */
      readonly staged: boolean;
    }
  | { readonly type: "more" | "close"; readonly session: number };

/** From that thread. */
export type Reply =
  | {
      readonly type: "ready";
      readonly size: number | undefined;
      readonly columns: Record<string, Column> | undefined;
    }
  | { readonly type: "failed"; readonly failure: Failure }
  | { readonly type: "batch"; readonly session: number; readonly batch: Batch }
  /** Where staged batches lie from now on. */
  | { readonly type: "ring"; readonly memory: RingMemory }
  | {
      readonly type: "staged";
      readonly session: number;
      readonly size: number;
      readonly slot: number;
      readonly columns: readonly PlacedColumn[];
    }
  | { readonly type: "end"; readonly session: number; readonly failure?: Failure };

/** An error that can be sent. */
export interface Failure {
  /** Of an error of this package, of which a copy has lost its class. */
  readonly own?: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly misuse: readonly (string | undefined)[];
  };
  readonly error?: unknown;
}

/** An error, to be sent; one that cannot be copied goes as its text. */
export function failureOf(error: unknown): Failure {
  if (error instanceof AdastepError) {
    const { code, message, argument, got, accepted } = error;
    return { own: { code, message, misuse: [argument, got, accepted] } };
  }
  try {
    return { error: structuredClone(error) };
  } catch {
    return { error: new Error(String(error)) };
  }
}

/** The error that was sent. */
export function errorOf({ own, error }: Failure): unknown {
  return own ? makeError(own.code, own.message, ...own.misuse) : error;
}
