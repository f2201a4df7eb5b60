// The thread of a prefetching dataset, as the one that reads from it sees it.

import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { ArgumentError, DataError, describe } from "../errors.js";
import type { Batch, BatchOptions } from "./batches.js";
import { errorOf, type Failure, type Reply, type Request } from "./prefetch-messages.js";
import { LentBatch, RingReader } from "./ring.js";

type Ready = Extract<Reply, { type: "ready" }>;
/** What an epoch is told: a batch, or that it has ended. */
export type SessionReply =
  | { readonly batch: Batch | LentBatch }
  | { readonly batch: undefined; readonly failure: Failure | undefined };

interface Session {
  readonly arrived: SessionReply[];
  /** Lets the one who waits look again. */
  wake: () => void;
}

/** A worker that makes batches. */
export class Thread {
  /** Resolves when the module has made its dataset. */
  readonly ready: Promise<Ready>;
  readonly #worker: Worker;
  readonly #sessions = new Map<number, Session>();
  readonly #signal: AbortSignal | undefined;
  #ring: RingReader | undefined;
  #opened = 0;
  /** Whether the module has called serveBatches and made its dataset. */
  #serves = false;
  #ended: { readonly reason: unknown } | undefined;
  #settle: { resolve: (ready: Ready) => void; reject: (reason: unknown) => void } | undefined;

  constructor(module: URL, data: unknown, signal: AbortSignal | undefined) {
    this.#worker = startWorker(module, data);
    this.ready = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#worker.on("message", (reply: Reply) => this.#take(reply));
    this.#worker.on("error", (error) =>
      this.#fail(this.#serves ? error : unserved(module, reasonOf(error), error)),
    );
    this.#worker.on("exit", (code) => {
      this.#fail(unserved(module, `a thread that ended with code ${code}`));
    });
    this.#signal = signal;
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  readonly #abort = (): void => {
    void this.end(this.#signal?.reason);
  };

  /** @throws why the thread has ended, if it has */
  checkAlive(): void {
    if (this.#ended) throw this.#ended.reason;
  }

  /** Begins an epoch, of which `ahead` batches may be made before one is taken. */
  open(options: BatchOptions, ahead: number, staged: boolean): number {
    this.checkAlive();
    const session = this.#opened++;
    this.#post({ type: "open", session, options, ahead, staged }); // which throws for options that cannot be copied
    this.#sessions.set(session, { arrived: [], wake: () => undefined });
    this.#worker.ref();
    return session;
  }

  /** Allows one more batch to be made. */
  more(session: number): void {
    if (!this.#ended) this.#post({ type: "more", session });
  }

  /** What an epoch is told next. @throws (rejects) why the thread has ended, if it has */
  async next(id: number): Promise<SessionReply> {
    const session = this.#sessions.get(id);
    if (!session) throw new Error(`no session ${id}`);
    for (;;) {
      this.checkAlive();
      const reply = session.arrived.shift();
      if (reply) return reply;
      await new Promise<void>((wake) => {
        session.wake = wake;
      });
    }
  }

  /** Ends an epoch early, and waits until the thread has done so. @throws (rejects) what fails there meanwhile */
  async leave(session: number): Promise<void> {
    if (this.#ended) return;
    this.#post({ type: "close", session });
    while (!this.#ended) {
      const reply = await this.next(session);
      if (reply.batch) giveBack(reply.batch);
      else if (reply.failure) throw errorOf(reply.failure);
      else return;
    }
  }

  /** Forgets an epoch that has ended; without one, the thread does not keep the process alive. */
  forget(session: number): void {
    for (const { batch } of this.#sessions.get(session)?.arrived ?? []) giveBack(batch);
    this.#sessions.delete(session);
    if (this.#sessions.size === 0) this.#worker.unref();
  }

  /** Ends the thread; whoever waits for it gets the reason. */
  async end(reason: unknown): Promise<void> {
    this.#fail(reason);
    await this.#worker.terminate();
  }

  #take(reply: Reply): void {
    if (this.#ended) return;
    if (reply.type === "ready") {
      this.#serves = true;
      this.#worker.unref();
      this.#settle?.resolve(reply);
    } else if (reply.type === "failed") {
      this.#fail(errorOf(reply.failure));
    } else if (reply.type === "ring") {
      this.#ring?.end();
      this.#ring = new RingReader(reply.memory);
    } else {
      const session = this.#sessions.get(reply.session);
      const told = this.#told(reply);
      if (!session) giveBack(told.batch);
      session?.arrived.push(told);
      session?.wake();
    }
  }

  #told(reply: Extract<Reply, { type: "batch" | "staged" | "end" }>): SessionReply {
    if (reply.type === "batch") return { batch: reply.batch };
    if (reply.type === "end") return { batch: undefined, failure: reply.failure };
    if (!this.#ring) throw new Error("a staged batch without a ring");
    return { batch: this.#ring.lend(reply.size, reply.slot, reply.columns) };
  }

  #fail(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = { reason };
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#settle?.reject(reason);
    this.#ring?.end();
    this.#ring = undefined;
    for (const { wake } of this.#sessions.values()) wake();
  }

  #post(request: Request): void {
    this.#worker.postMessage(request);
  }
}

/** @throws ArgumentError for a URL that is none of a module, and data that cannot be copied */
function startWorker(module: URL, data: unknown): Worker {
  try {
    return new Worker(module, { workerData: { adastepData: data } });
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    if (cause instanceof DOMException) {
      const [argument, accepted] = ["PrefetchedDataset.open: 'data'", "what structuredClone copies"];
      throw new ArgumentError({ argument, got, accepted }, { cause });
    }
    const [argument, accepted] = ["PrefetchedDataset.open: 'module'", "a file: URL"];
    throw new ArgumentError({ argument, got: `${describe(String(module))} (${got})`, accepted }, { cause });
  }
}

/** That a module cannot be loaded, or does not serve batches. */
function unserved(module: URL, got: string, cause?: unknown): DataError {
  const path = module.protocol === "file:" ? fileURLToPath(module) : describe(String(module));
  const accepted = "a module that calls serveBatches, and goes on";
  return new DataError({ argument: `PrefetchedDataset: ${path}`, got, accepted }, { cause });
}

/** Its first line: Node adds where a module was asked for. */
const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : describe(error)).split("\n", 1)[0] ?? "";

/** Gives a batch back, if it is lent. */
export function giveBack(batch: Batch | undefined): void {
  if (batch instanceof LentBatch) batch.giveBack();
}
