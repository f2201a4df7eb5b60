// Records that are objects of fields, gathered into blocks of a table.

import { checkKeys } from "../check.js";
import { ArgumentError, DataError, describe } from "../errors.js";
import { type Block, Table } from "./table.js";
import { untilAborted } from "./waiting.js";

/** An object of fields, or an array, whose fields are named "0", "1", ...; with its place, for messages. */
export interface PlacedRecord {
  readonly value: unknown;
  readonly place: string;
}

/**
 * Where records come from: `open` is called once for each time that they are read. `name` is for messages. A dataset that is left
 * while it waits for records destroys a stream of Node's; whatever else waits should end when the signal is aborted.
 */
export interface RecordSource {
  readonly open: (signal?: AbortSignal) => Iterable<object> | AsyncIterable<object>;
  readonly name?: string;
}

/**
 * A table of objects, such as the rows of a database:
 * `recordsTable({ open: () => client.query(new Cursor("select ...")) }).stream({ x: ["age", "height"], y: "price" })`.
 * @throws ArgumentError for a source without `open`. Reading it throws what the source throws, ArgumentError for an `open` that
 *   gives nothing to loop over, and DataError naming the number of a record that is no object, or whose field is missing or holds
 *   something else.
 */
export function recordsTable(source: RecordSource): Table {
  checkKeys("recordsTable", source, ["open", "name"]);
  const { open, name = "records" } = source;
  if (typeof open !== "function") {
    const accepted = "a function that opens the records";
    throw new ArgumentError({ argument: "recordsTable: 'open'", got: describe(open), accepted });
  }
  async function* placed(signal?: AbortSignal): AsyncGenerator<PlacedRecord[], void, void> {
    let index = 0;
    for await (const value of untilAborted("recordsTable", open(signal), signal))
      yield [{ value, place: `${name}, record ${index++}` }];
  }
  return new Table({ name, blocks: (rows, _, signal) => recordBlocks(placed(signal), rows) });
}

/** Blocks of `rows` records, the last one of what is left. @throws DataError (rejects) for one that is no object. */
export async function* recordBlocks(
  batches: AsyncIterable<readonly PlacedRecord[]>,
  rows: number,
): AsyncGenerator<Block, void, void> {
  let records: PlacedRecord[] = [];
  for await (const batch of batches) {
    for (const record of batch) {
      checkRecord(record);
      if (records.push(record) < rows) continue;
      yield blockOf(records);
      records = [];
    }
  }
  yield blockOf(records);
}

function blockOf(records: readonly PlacedRecord[]): Block {
  return {
    rows: records.length,
    field: (field) => records.map(({ value }) => own(value as object, field)),
    place: (row) => (records[row] as PlacedRecord).place,
  };
}

const own = (record: object, field: string): unknown =>
  Object.hasOwn(record, field) ? Reflect.get(record, field) : undefined;

function checkRecord({ value, place }: PlacedRecord): void {
  if (typeof value === "object" && value !== null) return;
  throw new DataError({
    argument: place,
    got: describe(value),
    accepted: "an object of fields, or an array",
  });
}
