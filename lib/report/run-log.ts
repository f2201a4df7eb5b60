// The log of a run: a folder with config.json, and events.jsonl, which has a line of JSON for each event.

import { createWriteStream, type WriteStream } from "node:fs";
import { basename, join, resolve } from "node:path";
import { finished } from "node:stream/promises";
import { checkBoolean, checkKeys, given } from "../check.js";
import { exists, fileError, makeFolder, writeFileAtomically } from "../data/files.js";
import { ArgumentError, DataError, DisposedError, describe } from "../errors.js";
import type { TrainerEvent } from "../train/events.js";
import type { Metrics } from "../train/metrics.js";
import { Trainer } from "../train/trainer.js";
import { packageVersion } from "../train/version.js";
import { describeRun } from "./describe-run.js";
import type { EventSink, LoggedEvent, RunDescription } from "./events.js";
import { CONFIG_FILE, EVENTS_FILE, FORMAT, RESUMED, readRunLog } from "./read-log.js";

/** Options of `openRunLog`. */
export interface RunLogOptions<M extends Metrics = Metrics> {
  /** Whose run it is: what it is made of goes into the log, and the memory of its device at the end of each epoch. */
  readonly trainer?: Trainer<M>;
  /** What reports call the run. Default: the name of the folder. */
  readonly name?: string;
  /** What else is to be known of it later, as JSON has it. `seed` is shown in reports. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Goes on with the log of a run that is resumed, if there is one. Default false: the folder must hold no log. */
  readonly resume?: boolean;
}

/**
 * Begins the log of a run in a folder, which is made if it is not there.
 * @throws ArgumentError (rejects) for options that are wrong, DataError if the folder holds a log already or cannot be written
 */
export async function openRunLog<M extends Metrics>(
  folder: string,
  options: RunLogOptions<M> = {},
): Promise<RunLog> {
  const { trainer, name, config, resume } = checkOptions(folder, options);
  const path = join(folder, EVENTS_FILE);
  const there = await exists(path);
  if (there && !resume) {
    const accepted = "a folder without one, or resume: true";
    throw new DataError({ argument: `openRunLog: ${folder}`, got: "a folder with a run log", accepted });
  }
  const before = there ? (await readRunLog(folder)).events.at(-1)?.at : undefined;
  if (!there) {
    await makeFolder(folder);
    const description: RunDescription = {
      ...(trainer && describeRun(trainer)),
      ...(typeof config.seed === "number" && { seed: config.seed }),
    };
    const about = {
      format: FORMAT,
      adastep: packageVersion(),
      name,
      started: new Date(),
      description,
      config,
    };
    await writeFileAtomically(join(folder, CONFIG_FILE), Buffer.from(`${JSON.stringify(about, null, 2)}\n`));
  }
  const memory = trainer && (() => trainer.device.memory());
  return new RunLog(folder, createWriteStream(path, { flags: "a" }), memory, before ?? 0, there);
}

function checkOptions<M extends Metrics>(folder: unknown, options: RunLogOptions<M>) {
  checkKeys("openRunLog", options, ["trainer", "name", "config", "resume"]);
  const { trainer } = options;
  const name: unknown = given(options.name, typeof folder === "string" ? basename(resolve(folder)) : "");
  const config: unknown = given(options.config, {});
  const require = (holds: boolean, what: string, got: unknown, accepted: string): void => {
    if (!holds) throw new ArgumentError({ argument: `openRunLog: '${what}'`, got: describe(got), accepted });
  };
  require(typeof folder === "string" && folder !== "", "folder", folder, "the path of a folder");
  require(trainer === undefined || trainer instanceof Trainer, "trainer", trainer, "a Trainer");
  require(typeof name === "string" && name !== "", "name", name, "a name");
  require(typeof config === "object" &&
    config !== null &&
    !Array.isArray(config), "config", config, "an object");
  const resume = checkBoolean("openRunLog: 'resume'", given(options.resume, false));
  return { trainer, name: name as string, config: config as Record<string, unknown>, resume };
}

/** A log that is being written; ends with `close()` or `await using`. */
export class RunLog implements EventSink {
  readonly folder: string;
  readonly #stream: WriteStream;
  readonly #ended: Promise<void>;
  readonly #memory: (() => { live: number; peak: number }) | undefined;
  /** When the run would have begun if it had never been interrupted, on the clock of `performance.now()`. */
  #began: number;
  readonly #before: number;

  /** Internal: use `openRunLog`. `before` are the seconds of the log that it goes on with. */
  constructor(
    folder: string,
    stream: WriteStream,
    memory: (() => { live: number; peak: number }) | undefined,
    before: number,
    resumed: boolean,
  ) {
    [this.folder, this.#stream, this.#memory] = [folder, stream, memory];
    this.#before = before;
    this.#began = performance.now() - 1000 * before;
    this.#ended = finished(stream);
    this.#ended.catch(() => undefined); // `close` tells
    if (resumed) stream.write(`\n${RESUMED}\n`);
  }

  /** The run begins now; `follow` calls it. */
  begin(): void {
    this.#began = performance.now() - 1000 * this.#before;
  }

  /** Adds an event. It is in the file soon afterwards; what goes wrong is told by `close`. @throws DisposedError after that */
  write(event: TrainerEvent<Metrics>): void {
    if (this.#stream.writableEnded) {
      const argument = `the run log ${this.folder}`;
      throw new DisposedError({ argument, got: "an event after close()", accepted: "an open log" });
    }
    const at = Math.round(performance.now() - this.#began) / 1000;
    this.#line({ at, ...event });
    if (event.type !== "epoch" || !this.#memory) return;
    const { live, peak } = this.#memory();
    this.#line({ at, type: "memory", step: event.step, epoch: event.epoch, live, peak });
  }

  #line(event: LoggedEvent): void {
    this.#stream.write(`${JSON.stringify(event, toJson)}\n`);
  }

  /** Writes what is left. @throws DataError (rejects) that names the file, for anything that could not be written */
  async close(): Promise<void> {
    this.#stream.end();
    try {
      await this.#ended;
    } catch (cause) {
      throw fileError(join(this.folder, EVENTS_FILE), cause, "a file that can be written");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** JSON has no NaN and no infinities: they are strings; typed arrays are lists. */
function toJson(_: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return ArrayBuffer.isView(value) && !(value instanceof DataView)
    ? Array.from(value as Float32Array)
    : value;
}
