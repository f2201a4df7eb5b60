// The folder of a run: run.json, which holds the command that began it, the model's two files, and its checkpoints.

import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { exists, fileError, makeFolder, writeFileAtomically } from "../data/files.js";
import { ArgumentError } from "../errors.js";
import { packageVersion } from "../train/version.js";
import { RunError } from "./errors.js";
import { readValues, textsOf } from "./flags.js";
import { checkFormat, MODEL_FILE, readJson, WEIGHTS_FILE } from "./model-file.js";
import { DATASET, KEPT_FLAGS, type TrainCommand, trainCommand } from "./training-flags.js";

const FORMAT = "adastep run 1";
const RUN_FILE = "run.json";
/** What a run leaves in its folder. run.json is the first: where it is, `adastep resume` can go on. */
const PARTS = [RUN_FILE, MODEL_FILE, WEIGHTS_FILE, "checkpoints", "events.jsonl"];

/**
 * Makes the folder of a new run: the one that is asked for, or `runs/<dataset>`, with the next free number behind it.
 * @throws RunError (rejects) for one that holds a run, or part of one, DataError for one that cannot be made
 */
export async function makeRunFolder(asked: string | undefined, dataset: string): Promise<string> {
  if (asked === undefined) return makeNumbered(join("runs", basename(dataset).replace(/\.[a-z.]+$/i, "")));
  const [name] = await partsIn(asked);
  if (name !== undefined) {
    const accepted = `a new one; adastep resume ${asked} goes on with a run`;
    throw new RunError(`--run ${asked}: got a folder with ${name}, accepted: ${accepted}`);
  }
  await makeFolder(asked);
  return asked;
}

/** Whether a run was killed as it began: the command is there, and nothing that depends on its data. */
export async function isUnbegun(folder: string): Promise<boolean> {
  return (await partsIn(folder)).join() === RUN_FILE;
}

async function partsIn(folder: string): Promise<string[]> {
  const there = await Promise.all(PARTS.map((name) => exists(join(folder, name))));
  return PARTS.filter((_, i) => there[i]);
}

async function makeNumbered(first: string): Promise<string> {
  await makeFolder("runs");
  for (let number = 1; ; number++) {
    const path = number === 1 ? first : `${first}-${number}`;
    if (await makeNew(path)) return path;
  }
}

/** Makes a folder; false if it is there. */
async function makeNew(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw fileError(path, cause, "a folder that can be made");
  }
}

/** Writes run.json. @throws DataError (rejects) if it cannot be written */
export async function writeRun(folder: string, { dataset, values }: TrainCommand): Promise<void> {
  const kept = Object.keys(KEPT_FLAGS) as (keyof typeof KEPT_FLAGS)[];
  const options = { dataset, ...Object.fromEntries(kept.map((name) => [name, values[name]])) };
  const json = { format: FORMAT, adastep: packageVersion(), options };
  await writeFileAtomically(join(folder, RUN_FILE), Buffer.from(`${JSON.stringify(json, null, 1)}\n`));
}

/** The command that began a run. @throws DataError (rejects) that names run.json, if there is none or it is damaged */
export async function readRun(folder: string): Promise<TrainCommand> {
  return readJson(join(folder, RUN_FILE), "a folder that adastep train wrote", (json) => {
    checkFormat(json, FORMAT, ["options"]);
    const { texts, operands } = textsOf("'options'", (json as { options?: unknown }).options, KEPT_FLAGS, [
      DATASET,
    ]);
    const [dataset] = operands;
    if (dataset === undefined) {
      throw new ArgumentError({ argument: "'options'", got: "no dataset", accepted: DATASET.help });
    }
    const values = readValues(KEPT_FLAGS, texts, (name) => `'options.${name}'`);
    return trainCommand("'options'", dataset, values);
  });
}
