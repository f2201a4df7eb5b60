// A model in a folder: model.safetensors, and beside it model.json, which says how its input is made of records and what its
// output means. Whatever uses a model reads both.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { checkInteger, checkKeys, checkNumber } from "../check.js";
import { Categories } from "../data/categories.js";
import { encodingsFromJSON } from "../data/encodings.js";
import { exists, fileError, writeFileAtomically } from "../data/files.js";
import type { Scaling } from "../data/scaling.js";
import { AdastepError, ArgumentError, DataError, describe } from "../errors.js";
import { namedCheckpoints } from "../train/checkpoint-list.js";
import { packageVersion } from "../train/version.js";
import { type Feature, widthOf } from "./features.js";

/** The first words of model.json; another number is another form. */
const FORMAT = "adastep model 1";
export const MODEL_FILE = "model.json";
export const WEIGHTS_FILE = "model.safetensors";

/** A multilayer perceptron: affine layers with ReLU between them. */
export interface Perceptron {
  readonly inputs: number;
  readonly hidden: readonly number[];
  readonly outputs: number;
}

/** What a model is, and how records become its input and its output an answer. */
export interface ModelSpec {
  readonly network: Perceptron;
  readonly features: readonly Feature[];
  /** The field that it predicts. */
  readonly target: string;
  /** Factor on the input, on the device: 1 / 255 for pixels. */
  readonly inputScale: number;
  /** How the input was scaled. */
  readonly x: Scaling | undefined;
  /** Of a classification the classes, in the order of the outputs; of a regression how the target was scaled. */
  readonly y: Categories | Scaling;
  /** Where the data came from. */
  readonly source: string;
}

export const classesOf = ({ y }: ModelSpec): readonly string[] | undefined =>
  y instanceof Categories ? y.labels : undefined;

/** Writes model.json. @throws DataError (rejects) if it cannot be written */
export async function writeSpec(folder: string, spec: ModelSpec): Promise<void> {
  const { network, features, target, inputScale, x, y, source } = spec;
  const encodings = x ? { x, y } : { y };
  const json = {
    format: FORMAT,
    adastep: packageVersion(),
    source,
    network,
    target,
    inputScale,
    encodings,
    features,
  };
  await writeFileAtomically(join(folder, MODEL_FILE), Buffer.from(`${JSON.stringify(json, null, 1)}\n`));
}

/** Reads model.json of a folder. @throws DataError (rejects) that names it, if it cannot be read or is none */
export async function readSpec(folder: string): Promise<ModelSpec> {
  return readJson(join(folder, MODEL_FILE), "a folder that adastep train wrote", parseSpec);
}

/**
 * The parameters of a folder: model.safetensors, or, if its run has not ended yet, those of the newest checkpoint.
 * @throws DataError (rejects) if there are none
 */
export async function weightsOf(folder: string): Promise<string> {
  const path = join(folder, WEIGHTS_FILE);
  if (await exists(path)) return path;
  const newest = (await namedCheckpoints(checkpointsOf(folder))).at(-1);
  if (newest) return join(newest.path, WEIGHTS_FILE);
  throw new DataError({ argument: path, got: "no such file", accepted: "one, or a checkpoint" });
}

/** Where the checkpoints of a run are. */
export const checkpointsOf = (folder: string): string => join(folder, "checkpoints");

/** Reads a JSON file. @throws DataError (rejects) that names it, also for what `parse` refuses */
export async function readJson<T>(path: string, hint: string, parse: (json: unknown) => T): Promise<T> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw fileError(path, cause, hint);
  }
  try {
    return parse(json);
  } catch (cause) {
    if (!(cause instanceof AdastepError)) throw cause;
    throw new DataError(`${path}: ${cause.message}`, { cause });
  }
}

/** Throws unless a file says that it is of this form. */
export function checkFormat(json: unknown, format: string, keys: readonly string[]): void {
  checkKeys("file", json as object, ["format", "adastep", ...keys]);
  const own = (json as { format?: unknown }).format;
  if (own === format) return;
  throw new ArgumentError({ argument: "'format'", got: describe(own), accepted: describe(format) });
}

const KEYS = ["source", "network", "target", "inputScale", "encodings", "features"] as const;

function parseSpec(json: unknown): ModelSpec {
  checkFormat(json, FORMAT, KEYS);
  const file = json as Record<(typeof KEYS)[number], unknown>;
  const { x, y } = encodingsFromJSON(JSON.stringify(file.encodings));
  if (y === undefined || x instanceof Categories) {
    const accepted = "a scaling of x, or none, and an encoding of y";
    throw new ArgumentError({ argument: "'encodings'", got: describe(file.encodings), accepted });
  }
  const network = parseNetwork(file.network);
  const features = parseFeatures(file.features);
  const expect = (argument: string, got: number, accepted: number): void => {
    if (got !== accepted) throw new ArgumentError({ argument, got: `${got}`, accepted: `${accepted}` });
  };
  expect("values of 'features'", widthOf(features), network.inputs);
  if (x) expect("values of 'encodings.x'", x.shift.length, network.inputs);
  expect(
    "values of 'encodings.y'",
    y instanceof Categories ? y.labels.length : y.shift.length,
    network.outputs,
  );
  return {
    network,
    features,
    x,
    y,
    target: checkText("'target'", file.target),
    inputScale: checkNumber("'inputScale'", file.inputScale, "a number above 0", (v) => v > 0),
    source: checkText("'source'", file.source),
  };
}

function parseNetwork(json: unknown): Perceptron {
  checkKeys("'network'", json as object, ["inputs", "hidden", "outputs"]);
  const { inputs, hidden, outputs } = json as Partial<Perceptron>;
  const size = (name: string, value: unknown): number => checkInteger(`'network.${name}'`, value, 1, 999_999);
  return {
    inputs: size("inputs", inputs),
    hidden: checkList("'network.hidden'", hidden).map((width) => size("hidden", width)),
    outputs: size("outputs", outputs),
  };
}

function parseFeatures(json: unknown): Feature[] {
  return checkList("'features'", json).map((entry) => {
    checkKeys("a feature", entry as object, ["name", "categories"]);
    const { name, categories } = entry as { name?: unknown; categories?: unknown };
    return {
      name: checkText("the name of a feature", name),
      categories: categories === undefined ? undefined : Categories.fromJSON(categories),
    };
  });
}

function checkList(argument: string, value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  throw new ArgumentError({ argument, got: describe(value), accepted: "a list" });
}

function checkText(argument: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw new ArgumentError({ argument, got: describe(value), accepted: "a text" });
}
