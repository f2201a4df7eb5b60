// The records of a CSV file, with the line that each starts on.

import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { type InfoRecord, type Options, parse } from "csv-parse";
import { DataError } from "../errors.js";

/** One row of fields; spaces around unquoted ones are gone. */
export interface CsvRecord {
  readonly fields: readonly string[];
  /** The line it starts on, from 1, as an editor counts them. */
  line(): number;
}

/** Bytes given to the parser at once; between two such pieces, timers and sockets have their turn. */
const PIECE = 1 << 16;

/**
 * The records of CSV text (RFC 4180, and any of the three line ends); empty lines are skipped.
 * @param name Where the bytes came from, for messages.
 * @throws DataError for a quote that does not close, or stands inside a field.
 */
export async function* csvRecords(
  bytes: Uint8Array,
  delimiter: string,
  name: string,
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
    record_delimiter: ["\r\n", "\n", "\r"],
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
  };
  let start = 0;
  try {
    const source = Readable.from(pieces(bytes), { objectMode: false });
    for await (const { record, info } of source.pipe(parse(options)) as AsyncIterable<ParsedRecord>) {
      const first = start;
      yield { fields: record, line: () => lineOf(bytes, first) };
      start = info.bytes;
    }
  } catch (cause) {
    if (cause instanceof DataError || !(cause instanceof Error)) throw cause;
    const argument = `${name}, line ${lineOf(bytes, parsed)}`;
    throw new DataError({ argument, got: cause.message, accepted: "a CSV row" }, { cause });
  }
}

interface ParsedRecord {
  readonly record: string[];
  readonly info: InfoRecord;
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += PIECE) {
    yield bytes.subarray(start, start + PIECE);
    await setImmediate();
  }
}

/** The line of the first byte at or after `start` that is no white space. */
function lineOf(bytes: Uint8Array, start: number): number {
  const [newline, carriageReturn, space] = [0x0a, 0x0d, 0x20];
  let at = start;
  while (at < bytes.length && (bytes[at] as number) <= space) at++;
  let line = 1;
  for (let i = 0; i < Math.min(at, bytes.length); i++) {
    const ends = bytes[i] === newline || (bytes[i] === carriageReturn && bytes[i + 1] !== newline);
    if (ends) line++;
  }
  return line;
}
