// `adastep predict`: an answer for each record of a file or of standard input, as it comes.

import { once } from "node:events";
import { Categories } from "../data/categories.js";
import type { Dataset } from "../data/dataset.js";
import type { ByteSource } from "../data/source.js";
import type { Prediction } from "../train/predict.js";
import { loadModel } from "../train/save.js";
import { EXIT, type ExitCode, UsageError } from "./errors.js";
import { featureColumns, inputColumn } from "./features.js";
import { type ANSWER_FORMATS, type FormatName, formatOf, openRecords } from "./formats.js";
import { withModel } from "./model.js";
import { type ModelSpec, readSpec, weightsOf } from "./model-file.js";
import { openDevice, type Setting } from "./training.js";

type AnswerFormat = (typeof ANSWER_FORMATS)[number];

interface PredictValues extends Pick<Setting, "device" | "threads"> {
  readonly "no-header": true | undefined;
  readonly input: FormatName | undefined;
  readonly output: AnswerFormat | undefined;
  readonly probabilities: true | undefined;
}

/** One answer: its fields, in the order of the columns of CSV. */
type Answer = Readonly<Record<string, string | number>>;

/** @throws DataError (rejects) for a folder that is no model, or a record that does not fit it */
export async function predict(folder: string, path: string, values: PredictValues): Promise<ExitCode> {
  const spec = await readSpec(folder);
  const format = values.input ?? (path === "-" ? undefined : formatOf(path));
  if (!format) {
    const accepted = "a file of a known ending, or --input csv or jsonl";
    throw new UsageError({
      argument: "predict",
      got: path === "-" ? "standard input" : `"${path}"`,
      accepted,
    });
  }
  const source: ByteSource = path === "-" ? { open: () => process.stdin, name: "standard input" } : path;
  const { table } = openRecords(source, format, values["no-header"] !== true);
  const output = values.output ?? (format === "csv" ? "csv" : "jsonl");
  const all = values.probabilities === true;
  using device = await openDevice(values);
  // However it ends: a writer that leaves standard input open must not keep the process alive.
  using _ = { [Symbol.dispose]: () => path === "-" && process.stdin.destroy() };
  const weights = await weightsOf(folder);
  await withModel(
    device,
    spec,
    (model) => loadModel(model, weights),
    async (trainer) => {
      if (output === "csv") await write(csvRow(fieldsOf(spec, all)));
      for await (const part of table.chunks(featureColumns(spec.features))) {
        const predicted = await trainer.predict(inputOf(spec, part));
        const answers = answersOf(spec, predicted, all);
        await write(answers.map(output === "csv" ? (row) => csvRow(Object.values(row)) : jsonRow).join(""));
      }
    },
  );
  return EXIT.ok;
}

function inputOf({ features, x }: ModelSpec, part: Dataset) {
  const column = inputColumn(part, features);
  return x ? x.transform(column) : column;
}

/** Names of the fields of an answer. */
function fieldsOf({ y }: ModelSpec, all: boolean): string[] {
  if (!(y instanceof Categories)) return ["prediction"];
  return ["prediction", "probability", ...(all ? y.labels.map((label) => `p(${label})`) : [])];
}

function answersOf(spec: ModelSpec, { data, shape }: Prediction, all: boolean): Answer[] {
  const { y } = spec;
  if (!(y instanceof Categories)) {
    const numbers = y.inverse({ data, shape }).data;
    return Array.from(numbers, (prediction) => ({ prediction }));
  }
  const names = fieldsOf(spec, true);
  const width = y.labels.length;
  return Array.from({ length: data.length / width }, (_, row) => {
    const shares = softmax(data.subarray(row * width, (row + 1) * width));
    const best = shares.indexOf(Math.max(...shares));
    const answer = { prediction: y.labels[best] as string, probability: shares[best] as number };
    if (!all) return answer;
    return { ...answer, ...Object.fromEntries(shares.map((share, i) => [names[i + 2], share])) };
  });
}

/** In double; the largest logit is taken off, so that nothing overflows. */
function softmax(logits: Float32Array): number[] {
  const top = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

const jsonRow = (answer: Answer): string => `${JSON.stringify(answer)}\n`;

/** RFC 4180: a field with a comma, a quote or a line end stands in quotes, which are doubled inside. */
function csvRow(fields: readonly (string | number)[]): string {
  const written = fields.map((field) =>
    /[",\r\n]/.test(String(field)) ? `"${String(field).replaceAll('"', '""')}"` : String(field),
  );
  return `${written.join(",")}\n`;
}

/** Waits for a slow reader. */
async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}
