// The side of a prefetching dataset that runs on a thread of its own and makes the batches.

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { ArgumentError } from "../errors.js";
import type { AsyncBatches, Batch, Batches, BatchOptions } from "./batches.js";
import type { ColumnData } from "./column.js";
import { COLUMN_ARRAYS, columnType } from "./convert.js";
import { type BatchSource, failureOf, type Reply, type Request } from "./prefetch-messages.js";
import { RingWriter } from "./ring.js";

/**
 * Called once by the module that `PrefetchedDataset.open` names, on its thread: `make` gets the `data` given there and makes the
 * dataset whose batches are wanted.
 *
 * ```ts
 * // loader.js
 * serveBatches((path: string) => csvTable(path).stream({ x: ["a", "b"], y: "price" }));
 * ```
 *
 * What `make` or the dataset throws is thrown where the batches are read.
 * @throws ArgumentError outside of such a thread
 */
export function serveBatches<D, N extends string, O extends BatchOptions>(
  make: (data: D) => BatchSource<N, O> | Promise<BatchSource<N, O>>,
): void {
  const given = workerData as { adastepData?: D } | undefined;
  if (!parentPort || typeof given !== "object" || given === null || !("adastepData" in given)) {
    const accepted = "a call in the module that PrefetchedDataset.open names";
    throw new ArgumentError({ argument: "serveBatches", got: "a thread of another kind", accepted });
  }
  new Server(parentPort).start(async () => make(given.adastepData as D));
}

/** Slots of a ring beside those of batches that wait: one is in use, and one is being given back or filled. */
const SLOTS_IN_USE = 2;

/** One epoch that is being read. */
interface Session {
  /** Batches that may be made before more are asked for. */
  allowed: number;
  closed: boolean;
  wake: () => void;
  /** Ends the epoch, also while it waits for data. */
  leave: () => void;
}

class Server<N extends string, O extends BatchOptions> {
  readonly #port: MessagePort;
  readonly #sessions = new Map<number, Session>();
  #ring: RingWriter | undefined;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  start(make: () => Promise<BatchSource<N, O>>): void {
    const source = make();
    this.#port.on("message", (request: Request) => this.#take(source, request));
    source.then(
      (made) => {
        const { size } = made;
        const columns = made.columns && Object.fromEntries(Object.entries(made.columns).map(emptied));
        this.#reply({ type: "ready", size, columns });
      },
      (error: unknown) => this.#reply({ type: "failed", failure: failureOf(error) }),
    );
  }

  #take(source: Promise<BatchSource<N, O>>, request: Request): void {
    if (request.type === "open") {
      void this.#serve(source, request);
      return;
    }
    const session = this.#sessions.get(request.session);
    if (!session) return;
    if (request.type === "more") session.allowed++;
    else {
      session.closed = true;
      session.leave();
    }
    session.wake();
  }

  async #serve(
    source: Promise<BatchSource<N, O>>,
    { session: id, options, ahead, staged }: Request & { type: "open" },
  ): Promise<void> {
    const idle = (): void => undefined;
    const session: Session = { allowed: ahead, closed: false, wake: idle, leave: idle };
    this.#sessions.set(id, session);
    let first = true;
    try {
      for await (const batch of leavableBy(session, (await source).batches(options as O))) {
        if (session.closed) break;
        if (staged && first) this.#provideRing(batch, ahead + SLOTS_IN_USE);
        first = false;
        if (!staged || !this.#stage(id, batch)) this.#send(id, batch);
        session.allowed--;
        while (session.allowed === 0 && !session.closed)
          await new Promise<void>((wake) => Object.assign(session, { wake }));
        if (session.closed) break;
      }
      this.#reply({ type: "end", session: id });
    } catch (error) {
      this.#reply({ type: "end", session: id, failure: failureOf(error) });
    } finally {
      this.#sessions.delete(id);
    }
  }

  /** Makes a ring for batches as large as the first of an epoch, unless there is one that holds them. */
  #provideRing(batch: Batch, slots: number): void {
    if (this.#ring?.fits(batch)) return;
    this.#ring = RingWriter.for(batch, slots);
    if (this.#ring) this.#reply({ type: "ring", memory: this.#ring.memory });
  }

  /** Sends a batch by way of the ring; false if it has no place there. */
  #stage(session: number, batch: Batch): boolean {
    const placed = this.#ring?.fits(batch) ? this.#ring.put(batch) : undefined;
    if (placed) this.#reply({ type: "staged", session, size: batch.size, ...placed });
    return placed !== undefined;
  }

  /** Sends copies, whose memory then belongs to the other thread: the batch's own may be the dataset's. */
  #send(session: number, { size, columns }: Batch): void {
    const copies = Object.entries(columns).map(([name, data]) => [name, copyOf(data)] as const);
    const batch = { size, columns: Object.fromEntries(copies) };
    this.#reply(
      { type: "batch", session, batch },
      copies.map(([, { buffer }]) => buffer as ArrayBuffer),
    );
  }

  #reply(reply: Reply, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(reply, transfer);
  }
}

/** The batches; those that have to be waited for can be left while they are. */
function leavableBy<N extends string>(
  session: Session,
  batches: Batches<N> | AsyncBatches<N>,
): Batches<N> | AsyncIterable<Batch<N>> {
  if (!(Symbol.asyncIterator in batches)) return batches;
  const own = batches[Symbol.asyncIterator]();
  session.leave = () => void Promise.resolve(own.return?.()).catch(() => undefined); // the loop is told, too
  return { [Symbol.asyncIterator]: () => own };
}

const copyOf = (data: ColumnData): ColumnData => new COLUMN_ARRAYS[columnType(data)](data);

function emptied([name, { data, shape }]: [string, { data: ColumnData; shape: readonly number[] }]) {
  return [name, { data: new COLUMN_ARRAYS[columnType(data)](0), shape: [...shape] }] as const;
}
