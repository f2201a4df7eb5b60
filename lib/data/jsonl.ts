// JSON lines (https://jsonlines.org): a JSON value per line, here an object of fields, or an array, whose fields are
// named "0", "1", ...

import { checkInteger, checkKeys } from "../check.js";
import { DataError, describe } from "../errors.js";
import { linesOf, MAX_LINE } from "./lines.js";
import { type PlacedRecord, recordBlocks } from "./records.js";
import { type ByteSource, checkSource, chunksOf, nameOf } from "./source.js";
import { Table } from "./table.js";

/** One value of a JSON-lines file. */
export interface JsonLine {
  readonly value: unknown;
  /** From 1, as an editor counts. */
  readonly line: number;
}

/** How to read JSON lines. */
export interface JsonlOptions {
  /** Bytes of the longest line that is accepted, default 16 MiB; memory is bounded by it, whatever the file holds. */
  readonly maxLine?: number;
}

/**
 * The values of a JSON-lines file, one after another; lines of white space alone are passed over.
 *
 * ```ts
 * for await (const { value, line } of readJsonl("mails.jsonl.gz")) use(value);
 * ```
 *
 * @throws ArgumentError at the call for a wrong option; the loop throws DataError naming file and line: a line that is
 *   no JSON, no UTF-8 or too long, or a file that cannot be read.
 */
export function readJsonl(
  source: ByteSource,
  options: JsonlOptions = {},
): AsyncGenerator<JsonLine, void, void> {
  const batches = linesAtOnce("readJsonl", source, options);
  return (async function* () {
    for await (const batch of batches) yield* batch;
  })();
}

/**
 * A table of JSON lines: `await jsonlTable("iris.jsonl").dataset({ x: ["length", "width"], y: "price" })`.
 * @throws ArgumentError for a wrong option; reading it throws as `readJsonl`, and for a line that is no object.
 */
export function jsonlTable(source: ByteSource, options: JsonlOptions = {}): Table {
  const name = nameOf(source, "JSON lines");
  linesAtOnce("jsonlTable", source, options);
  const records = (signal?: AbortSignal): AsyncIterable<PlacedRecord[]> =>
    placed(linesAtOnce("jsonlTable", source, options, signal), name);
  return new Table({ name, blocks: (rows, _, signal) => recordBlocks(records(signal), rows) });
}

function linesAtOnce(
  owner: string,
  source: ByteSource,
  options: JsonlOptions,
  signal?: AbortSignal,
): AsyncGenerator<JsonLine[], void, void> {
  checkSource(`${owner}: 'source'`, source);
  checkKeys(owner, options, ["maxLine"]);
  const maxLine = checkInteger(`${owner}: 'maxLine'`, options.maxLine ?? MAX_LINE, 1);
  const name = nameOf(source, "JSON lines");
  return (async function* () {
    for await (const lines of linesOf(chunksOf(source, signal), name, maxLine)) {
      yield lines
        .filter(({ text }) => /\S/.test(text))
        .map(({ text, line }) => ({ value: parsed(text, line, name), line }));
    }
  })();
}

function parsed(text: string, line: number, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const argument = `${name}, line ${line}`;
    throw new DataError({ argument, got: describe(text), accepted: "a JSON value" }, { cause });
  }
}

async function* placed(
  batches: AsyncIterable<JsonLine[]>,
  name: string,
): AsyncGenerator<PlacedRecord[], void, void> {
  for await (const batch of batches) {
    yield batch.map(({ value, line }) => ({ value, place: `${name}, line ${line}` }));
  }
}
