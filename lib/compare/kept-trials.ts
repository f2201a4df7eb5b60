// Trials that are kept in a file, a line of JSON each: a comparison that was interrupted goes on where it was.

import { appendFile, readFile, truncate } from "node:fs/promises";
import { fileError } from "../data/files.js";
import { packageVersion } from "../train/version.js";
import type { Task } from "./tasks.js";
import type { CurvePoint, TrialRecord } from "./trial.js";

type Key = Pick<TrialRecord, "optimizer" | "lr" | "seed">;

/** All that the record of a trial depends on, in the order of this object. */
function keyOf({ name, epochs, every, batchSize, fit }: Task, { optimizer, lr, seed }: Key): string {
  const version = packageVersion();
  const key = { version, task: name, examples: fit.size, batchSize, epochs, every, optimizer, lr, seed };
  return JSON.stringify(key);
}

/** Numbers that are not finite are null in JSON. */
const numberOf = (value: number | null): number => value ?? Number.NaN;

export class KeptTrials {
  readonly #path: string;
  readonly #known = new Map<string, TrialRecord>();

  private constructor(path: string) {
    this.#path = path;
  }

  /** Reads what is there; a last line that was not written to its end is cut off. @throws DataError (rejects) */
  static async open(path: string): Promise<KeptTrials> {
    const kept = new KeptTrials(path);
    let text = "";
    try {
      text = await readFile(path, "utf8");
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "ENOENT")
        throw fileError(path, cause, "a file that can be read, or none yet");
    }
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    const lines = whole.split("\n").slice(0, -1);
    for (const [i, line] of lines.entries()) kept.#read(line, i + 1);
    if (whole !== text) await truncate(path, Buffer.byteLength(whole));
    return kept;
  }

  #read(line: string, number: number): void {
    try {
      const { key, record } = JSON.parse(line) as { key: object; record: TrialRecord };
      const curve = record.curve.map(
        ({ step, loss, value }): CurvePoint => ({ step, loss: numberOf(loss), value: numberOf(value) }),
      );
      const { validation, test } = record;
      const whole = { ...record, curve, validation: numberOf(validation), test: numberOf(test) };
      this.#known.set(JSON.stringify(key), whole);
    } catch (cause) {
      throw fileError(`${this.#path}, line ${number}`, cause, "trials that adastep compare has kept");
    }
  }

  find(task: Task, trial: Key): TrialRecord | undefined {
    return this.#known.get(keyOf(task, trial));
  }

  /** @throws DataError (rejects) for a file that cannot be written */
  async add(task: Task, record: TrialRecord): Promise<void> {
    const key = keyOf(task, record);
    this.#known.set(key, record);
    try {
      await appendFile(this.#path, `{"key":${key},"record":${JSON.stringify(record)}}\n`);
    } catch (cause) {
      throw fileError(this.#path, cause, "a file that can be written");
    }
  }
}
