// TensorBoard's event files: records (tensorflow/core/lib/io/record_writer.h) of Event messages (event.proto, summary.proto).

import { createWriteStream, type WriteStream } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { checkInteger } from "../check.js";
import { fileError, makeFolder } from "../data/files.js";
import { ArgumentError, DisposedError, describe } from "../errors.js";
import type { TrainerEvent } from "../train/events.js";
import type { Metrics } from "../train/metrics.js";
import { maskedCrc32c } from "./crc32c.js";
import { Message } from "./protobuf.js";
import { scalarsOfEvent } from "./scalars.js";

let files = 0; // of this process: two that are begun in the same second have different names

/**
 * Begins an event file in a folder, which is made if it is not there; `tensorboard --logdir` of the folder above shows it.
 * @throws DataError (rejects) if the folder cannot be made
 */
export async function openTensorBoard(folder: string): Promise<TensorBoardWriter> {
  if (typeof folder !== "string" || folder === "") {
    const accepted = "the path of a folder";
    throw new ArgumentError({ argument: "openTensorBoard: 'folder'", got: describe(folder), accepted });
  }
  const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, "0");
  const path = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${files++}`);
  await makeFolder(folder);
  return new TensorBoardWriter(path, createWriteStream(path, { flags: "wx" }));
}

/** An event file that is being written; ends with `close()` or `await using`. */
export class TensorBoardWriter {
  readonly #stream: WriteStream;
  readonly #ended: Promise<void>;

  /** Internal: use `openTensorBoard`. */
  constructor(
    /** The file. */
    readonly path: string,
    stream: WriteStream,
  ) {
    this.#stream = stream;
    this.#ended = finished(stream);
    this.#ended.catch(() => undefined); // `close` tells
    this.#record(eventMessage(Date.now() / 1000).string(3, "brain.Event:2"));
  }

  /**
   * The numbers of a trainer's event, under tags such as `"train/loss"` and `"eval/accuracy"`.
   * @param wallTime when it came; default now
   * @throws DisposedError after `close()`
   */
  write(event: TrainerEvent<Metrics>, wallTime?: Date): void {
    const scalars = scalarsOfEvent(event);
    if (Object.keys(scalars).length > 0) this.scalars(event.step, scalars, wallTime);
  }

  /** Numbers of one's own by tag. @param wallTime when they came; default now @throws DisposedError after `close()` */
  scalars(step: number, values: Readonly<Record<string, number>>, wallTime: Date = new Date()): void {
    if (this.#stream.writableEnded) {
      throw new DisposedError({
        argument: this.path,
        got: "numbers after close()",
        accepted: "an open file",
      });
    }
    checkInteger("tensorBoard.scalars: 'step'", step, 0);
    const summary = new Message();
    for (const [tag, value] of Object.entries(values)) {
      if (typeof value !== "number") {
        const argument = `tensorBoard.scalars: '${tag}'`;
        throw new ArgumentError({ argument, got: describe(value), accepted: "a number" });
      }
      summary.message(1, new Message().string(1, tag).float(2, value));
    }
    this.#record(
      eventMessage(wallTime.getTime() / 1000)
        .integer(2, step)
        .message(5, summary),
    );
  }

  /** length u64, its checksum, the bytes, their checksum. */
  #record(message: Message): void {
    const [head, tail] = [Buffer.alloc(12), Buffer.alloc(4)];
    head.writeBigUInt64LE(BigInt(message.length));
    head.writeUInt32LE(maskedCrc32c(head.subarray(0, 8)), 8);
    tail.writeUInt32LE(maskedCrc32c(...message.chunks));
    this.#stream.write(Buffer.concat([head, ...message.chunks, tail]));
  }

  /** Writes what is left. @throws DataError (rejects) that names the file, for anything that could not be written */
  async close(): Promise<void> {
    this.#stream.end();
    try {
      await this.#ended;
    } catch (cause) {
      throw fileError(this.path, cause, "a file that can be written");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

const eventMessage = (wallTime: number): Message => new Message().double(1, wallTime);
