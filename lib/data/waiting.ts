// Waiting for data that may never come: it can be given up, and what is waited for is closed.

import { ArgumentError, describe } from "../errors.js";

/** What `work` gives, or undefined as soon as the signal is aborted; what becomes of the work then is nobody's business. */
export function unlessAborted<T>(work: PromiseLike<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const abort = (): void => resolve(undefined);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).then(() => signal.removeEventListener("abort", abort));
  });
}

/**
 * The values of what an `open` gave; `owner` is for messages. Once the signal is aborted, waiting for one throws its reason and closes the source: what Node calls a
 * stream is destroyed; a generator is told, but ends no earlier than what it waits for.
 * @throws ArgumentError for what no loop can read, such as a promise of rows
 */
export async function* untilAborted<T>(
  owner: string,
  source: Iterable<T> | AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, void> {
  checkOpened(owner, source);
  if (!signal || !isAsync(source)) return yield* source;
  const values = source[Symbol.asyncIterator]();
  for (;;) {
    const next = await unlessAborted(Promise.resolve(values.next()), signal);
    if (!next) {
      destroy(source);
      Promise.resolve(values.return?.()).catch(() => undefined); // it may wait still: so does this
      throw signal.reason;
    }
    if (next.done) return;
    let left = true;
    try {
      yield next.value;
      left = false;
    } finally {
      if (left) await values.return?.();
    }
  }
}

function checkOpened(owner: string, opened: unknown): void {
  const given: { [Symbol.iterator]?: unknown; [Symbol.asyncIterator]?: unknown } = Object(opened);
  if (typeof (given[Symbol.asyncIterator] ?? given[Symbol.iterator]) === "function") return;
  const promise = opened instanceof Promise;
  if (promise) opened.catch(() => undefined); // what it rejects with is not the error
  throw new ArgumentError({
    argument: `${owner}: 'open'`,
    got: promise ? "a function that gives a promise" : `a function that gives ${describe(opened)}`,
    accepted: `one that gives an iterable or an async iterable${promise ? "; an async function* may await what it yields" : ""}`,
  });
}

const isAsync = <T>(source: Iterable<T> | AsyncIterable<T>): source is AsyncIterable<T> =>
  Symbol.asyncIterator in Object(source);

function destroy(source: object): void {
  if ("destroy" in source && typeof source.destroy === "function") source.destroy();
}

/** A loop over what `read` gives that can be left while it waits: `return()` aborts the signal, and waits until `read` has ended. */
export function leavable<T>(
  read: (signal: AbortSignal) => AsyncGenerator<T, void, void>,
): AsyncIterator<T, void, void> {
  const leaving = new AbortController();
  const values = read(leaving.signal);
  return {
    next: async () => {
      try {
        return await values.next();
      } catch (cause) {
        if (leaving.signal.aborted) return { done: true, value: undefined };
        throw cause;
      }
    },
    return: async () => {
      leaving.abort();
      return await values.return();
    },
  };
}
