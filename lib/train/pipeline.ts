// Work on a device with a bounded number of steps under way.

/** Steps that are enqueued before the first of them is awaited: the device never waits for the host between two. */
const DEPTH = 2;

/** Work that has been enqueued. */
export interface Started<T> {
  readonly result: Promise<T>;
  /** Nothing is started after it before it has ended. */
  readonly barrier: boolean;
}

/**
 * The results of `works` in order. Drawing from `works` starts the work; at most two are under way. However the caller
 * leaves, it waits for what was started.
 */
export async function* inOrder<T>(
  works: Iterable<Started<T>> | AsyncIterable<Started<T>>,
): AsyncGenerator<T, void, void> {
  const pending: Promise<T>[] = [];
  try {
    for await (const { result, barrier } of works) {
      // It may fail while the caller is busy with an earlier result. That is no unhandled rejection: it is awaited below.
      result.catch(() => undefined);
      pending.push(result);
      while (pending.length >= (barrier ? 1 : DEPTH)) yield await (pending.shift() as Promise<T>);
    }
    while (pending.length > 0) yield await (pending.shift() as Promise<T>);
  } finally {
    await Promise.allSettled(pending);
  }
}
