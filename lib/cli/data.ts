// `adastep data`: what a file of records holds, before it is trained on.

import { describe } from "../errors.js";
import { count } from "../train/text.js";
import { EXIT, type ExitCode, UsageError } from "./errors.js";
import { type FormatName, formatOf, openRecords } from "./formats.js";
import { printJson, printLine, printText, tableText } from "./output.js";
import { type FieldScan, MAX_LABELS, scanTable } from "./scan.js";

interface DataValues {
  readonly "no-header": true | undefined;
  readonly input: FormatName | undefined;
  readonly json: true | undefined;
}

/** @throws DataError (rejects) for a file that cannot be read */
export async function describeData(path: string, values: DataValues): Promise<ExitCode> {
  const format = values.input ?? formatOf(path);
  if (!format) {
    const accepted = "a file that ends in .csv, .jsonl, .parquet or .arrow, or --input";
    throw new UsageError({ argument: "data", got: describe(path), accepted });
  }
  const records = openRecords(path, format, values["no-header"] !== true);
  const { rows, fields } = await scanTable(records.table, await records.fields());
  const described = fields.map(describeField);
  if (values.json) {
    printJson({ file: path, format, records: rows, fields: described });
    return EXIT.ok;
  }
  printLine("file", `${path}, ${format}`);
  printLine("records", count(rows));
  const lines = described.map(
    ({ name, type, missing, distinct, low, high, mean, deviation, shape, labels }) => [
      name,
      shape ? `${type} [${shape.join(", ")}]` : type,
      count(missing),
      distinct === undefined ? `> ${count(MAX_LABELS)}` : count(distinct),
      ...[low, high, mean, deviation].map(short),
      labels?.map(({ label, records: n }) => `${label} ${count(n)}`).join(", ") ?? "",
    ],
  );
  const head = ["field", "type", "missing", "different", "low", "high", "mean", "deviation", ""];
  printText(tableText([head, ...lines], 2));
  return EXIT.ok;
}

/** A field in words and numbers; what does not apply is left out. */
interface FieldDescription {
  readonly name: string;
  /** `integer`, `number`, `text`, `boolean`, `array`, `object`, `empty`; several with commas between them. */
  readonly type: string;
  readonly missing: number;
  readonly notFinite?: number;
  /** Different labels; undefined for too many. */
  readonly distinct: number | undefined;
  readonly low?: number;
  readonly high?: number;
  readonly mean?: number;
  readonly deviation?: number;
  readonly shape?: readonly number[];
  /** Of a field of labels, the most frequent ones. */
  readonly labels?: readonly { readonly label: string; readonly records: number }[];
}

function describeField(scan: FieldScan): FieldDescription {
  const { name, missing, numbers, notFinite, low, high, mean, deviation, shape, labels } = scan;
  const range = numbers > 0 && { low, high, mean, deviation };
  return {
    name,
    type: typeOf(scan),
    missing,
    distinct: labels?.size,
    ...range,
    ...(notFinite > 0 && { notFinite }),
    ...(shape && { shape }),
    ...(labels && scan.texts + scan.booleans > 0 && { labels: mostFrequent(labels) }),
  };
}

function typeOf({ numbers, integers, notFinite, texts, booleans, arrays, others }: FieldScan): string {
  const kinds: readonly (readonly [holds: boolean, name: string])[] = [
    [numbers > 0 && integers === numbers && notFinite === 0, "integer"],
    [numbers + notFinite > 0 && (integers < numbers || notFinite > 0), "number"],
    [texts > 0, "text"],
    [booleans > 0, "boolean"],
    [arrays > 0, "array"],
    [others > 0, "object"],
  ];
  return kinds.flatMap(([holds, name]) => (holds ? [name] : [])).join(", ") || "empty";
}

function mostFrequent(labels: ReadonlyMap<string, number>) {
  const sorted = [...labels].sort(([, a], [, b]) => b - a).slice(0, 5);
  return sorted.map(([label, records]) => ({ label, records }));
}

const short = (value: number | undefined): string =>
  value === undefined ? "" : String(Number(value.toPrecision(5)));
