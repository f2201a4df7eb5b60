// Where the time of a run goes: spans by phase, as a file that Perfetto and chrome://tracing open, and their totals.

import { type FileHandle, open } from "node:fs/promises";
import { fileError } from "../data/files.js";
import type { DataError } from "../errors.js";

/**
 * What takes time. On the thread of JavaScript: cutting a batch (`data`), recording a program (`record`), handing a step over
 * (`enqueue`), an evaluation, a checkpoint, and what the consumer of the events does (`consumer`). `device` is a step on the device
 * as the event loop sees it: from when it could begin to when its result was there.
 */
export type Phase = "data" | "record" | "enqueue" | "device" | "evaluation" | "checkpoint" | "consumer";

/** How often and how long a phase was. */
export interface PhaseTime {
  readonly count: number;
  readonly milliseconds: number;
}

export type PhaseTimes = Readonly<Partial<Record<Phase, PhaseTime>>>;

/** Text that is gathered before it is written. */
const CHUNK = 2 ** 16;

const LOOP = 1;
const DEVICE = 2;
const named = (tid: number, name: string): string =>
  JSON.stringify({ name: "thread_name", ph: "M", pid: 1, tid, args: { name } });

const nothing = (): void => {};

/** Times phases and writes them; without a path it does neither. */
export class Profile {
  readonly #path: string | undefined;
  readonly #began = performance.now();
  readonly #times = new Map<Phase, { count: number; milliseconds: number }>();
  #text = `[\n${named(LOOP, "JavaScript")},\n${named(DEVICE, "device")}`;
  #file: FileHandle | undefined;
  #writing: Promise<void> = Promise.resolve();
  #deviceFree = 0;

  constructor(path: string | undefined) {
    this.#path = path;
  }

  /** Opens the file. @throws DataError (rejects) that names it */
  async open(): Promise<void> {
    if (this.#path === undefined) return;
    try {
      this.#file = await open(this.#path, "w");
    } catch (cause) {
      throw this.#error(cause);
    }
  }

  /** Times what the thread of JavaScript does. */
  time<T>(phase: Phase, body: () => T): T {
    if (!this.#file) return body();
    const end = this.begin(phase);
    const result = body();
    end();
    return result;
  }

  /** Begins a phase; the function that it gives ends it. */
  begin(phase: Phase): () => void {
    if (!this.#file) return nothing;
    const began = performance.now();
    return () => this.#add(phase, LOOP, began, performance.now());
  }

  /** Times what is waited for. */
  async wait<T>(phase: Phase, body: () => Promise<T>): Promise<T> {
    const end = this.begin(phase);
    const result = await body();
    end();
    return result;
  }

  /** Times work on the device from now until its result is there; work before it comes first. */
  device<T>(work: Promise<T>): Promise<T> {
    if (!this.#file) return work;
    const enqueued = performance.now();
    return work.then((result) => {
      const now = performance.now();
      this.#add("device", DEVICE, Math.max(enqueued, this.#deviceFree), now);
      this.#deviceFree = now;
      return result;
    });
  }

  /** The totals until now; undefined without a path. */
  get times(): PhaseTimes | undefined {
    const copies = [...this.#times].map(([phase, time]) => [phase, { ...time }] as const);
    return this.#path === undefined ? undefined : Object.fromEntries(copies);
  }

  #add(name: Phase, tid: number, began: number, ended: number): void {
    const total = this.#times.get(name) ?? { count: 0, milliseconds: 0 };
    total.count += 1;
    total.milliseconds += ended - began;
    this.#times.set(name, total);
    const [ts, dur] = [began - this.#began, ended - began].map((ms) => Math.round(ms * 1e3)); // microseconds
    this.#text += `,\n${JSON.stringify({ name, ph: "X", pid: 1, tid, ts, dur })}`;
    if (this.#text.length >= CHUNK) this.#flush();
  }

  #flush(): void {
    const text = this.#text;
    this.#text = "";
    this.#writing = this.#writing.then(() => this.#file?.appendFile(text));
    this.#writing.catch(() => undefined); // `close` tells
  }

  /** Writes what is left. @throws DataError (rejects) that names the file, for anything that could not be written */
  async close(): Promise<void> {
    const file = this.#file;
    if (!file) return;
    this.#text += "\n]\n";
    this.#flush();
    try {
      await this.#writing;
    } catch (cause) {
      throw this.#error(cause);
    } finally {
      this.#file = undefined;
      await file.close();
    }
  }

  #error(cause: unknown): DataError {
    return fileError(`${this.#path}`, cause, "a file that can be written");
  }
}
