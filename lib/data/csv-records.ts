// The records of a CSV file, with the line that each starts on.

import { pipeline, Readable } from "node:stream";
import { type InfoRecord, type Options, parse } from "csv-parse";
import { AdastepError, ArgumentError, DataError, describe } from "../errors.js";

/** One row of fields; spaces around unquoted ones are gone. */
export interface CsvRecord {
  readonly fields: readonly string[];
  /** The line it starts on, from 1, as an editor counts them; to be asked before the next record is. */
  line(): number;
}

/** How to read records. */
export interface CsvRecordOptions {
  readonly delimiter: string;
  /** Where the bytes came from, for messages. */
  readonly name: string;
  /** Characters of the longest record that is accepted; any if it is not given. */
  readonly maxRow?: number;
}

/** @throws ArgumentError unless it is one character that can stand between fields. */
export function checkDelimiter(argument: string, delimiter: unknown): string {
  if (typeof delimiter === "string" && /^[^"\r\n]$/.test(delimiter)) return delimiter;
  throw new ArgumentError({ argument, got: describe(delimiter), accepted: "one character" });
}

/**
 * The records of CSV text (RFC 4180, and any of the three line ends); empty lines are skipped.
 * @throws DataError for a quote that does not close, or stands inside a field, and for a record that is too long.
 */
export async function* csvRecords(
  chunks: AsyncIterable<Uint8Array>,
  { delimiter, name, maxRow = 0 }: CsvRecordOptions,
): AsyncGenerator<CsvRecord> {
  let parsed = 0; // the end of the last whole record, which may not have been asked for yet
  const options: Options = {
    on_record: (record, { bytes: end }) => {
      parsed = end;
      return record;
    },
    bom: true,
    delimiter,
    info: true,
    max_record_size: maxRow,
    record_delimiter: ["\r\n", "\n", "\r"],
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
  };
  const lines = new LineCounter();
  let start = 0;
  let failure: unknown;
  async function* watched(): AsyncGenerator<Uint8Array, void, void> {
    try {
      for await (const chunk of chunks) {
        lines.add(chunk);
        yield chunk;
      }
    } catch (cause) {
      failure = cause; // the parser may be told of it as a stream that was closed too early
      throw cause;
    }
  }
  try {
    const source = Readable.from(watched(), { objectMode: false });
    const records = pipeline(source, parse(options), () => undefined) as AsyncIterable<ParsedRecord>;
    for await (const { record, info } of records) {
      const first = start;
      yield { fields: record, line: () => lines.at(first) };
      start = info.bytes;
      lines.advance(start);
    }
  } catch (cause) {
    if (failure !== undefined) throw failure;
    if (cause instanceof AdastepError || !(cause instanceof Error)) throw cause;
    const argument = `${name}, line ${lines.at(parsed)}`;
    throw new DataError({ argument, got: cause.message, accepted: "a CSV row" }, { cause });
  }
}

interface ParsedRecord {
  readonly record: string[];
  readonly info: InfoRecord;
}

const [NEWLINE, CARRIAGE_RETURN, SPACE] = [0x0a, 0x0d, 0x20];

/** Tells on which line a byte is. It is asked in ascending order, and holds the bytes from the last answer on. */
class LineCounter {
  #chunks: Uint8Array[] = [];
  /** Where the first chunk starts. */
  #offset = 0;
  /** The place up to which line ends are counted. */
  #counted = 0;
  #ends: Ends = { line: 1, afterReturn: false };

  add(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#chunks.push(chunk);
  }

  /** Counts up to a byte, and lets go of what lies before it. */
  advance(position: number): void {
    for (let [chunk] = this.#chunks; chunk && this.#counted < position; [chunk] = this.#chunks) {
      const end = Math.min(position - this.#offset, chunk.length);
      for (let i = this.#counted - this.#offset; i < end; i++) countEnd(this.#ends, chunk[i] as number);
      this.#counted = this.#offset + end;
      if (end < chunk.length) return;
      this.#offset += chunk.length;
      this.#chunks.shift();
    }
  }

  /** The line of the first byte at or after `position` that is no white space. */
  at(position: number): number {
    this.advance(position);
    const ends = { ...this.#ends };
    let skipped = this.#counted - this.#offset;
    for (const chunk of this.#chunks) {
      for (let i = skipped; i < chunk.length; i++) {
        const byte = chunk[i] as number;
        if (byte > SPACE) return ends.line;
        countEnd(ends, byte);
      }
      skipped = 0;
    }
    return ends.line;
  }
}

interface Ends {
  line: number;
  afterReturn: boolean;
}

/** "\n", "\r" and "\r\n" end a line; of the last, the second byte is none of its own. */
function countEnd(ends: Ends, byte: number): void {
  if (byte === CARRIAGE_RETURN || (byte === NEWLINE && !ends.afterReturn)) ends.line++;
  ends.afterReturn = byte === CARRIAGE_RETURN;
}
