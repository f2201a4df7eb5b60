// `adastep inspect`: what a folder or a file of adastep's holds: a run, a checkpoint, tensors.

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileError, readBytes } from "../data/files.js";
import { decodeNpy } from "../data/npy.js";
import { layoutOf } from "../data/safetensors.js";
import { shapeText } from "../device/dtype.js";
import { DataError } from "../errors.js";
import { readRecorded, STATE_FILE } from "../train/checkpoint-files.js";
import { listCheckpoints, readState } from "../train/checkpoint-list.js";
import { summarize } from "../train/summary.js";
import { bytesText, count } from "../train/text.js";
import { EXIT, type ExitCode } from "./errors.js";
import { formatOf } from "./formats.js";
import { multilayerPerceptron } from "./model.js";
import { checkpointsOf, classesOf, MODEL_FILE, readSpec } from "./model-file.js";
import { printJson, printLine, printText, tableText } from "./output.js";

/** What was found: for programs, and for people. */
interface Found {
  readonly json: Readonly<Record<string, unknown>>;
  readonly show: () => void;
}

/** @throws DataError (rejects) for a path that is none of what adastep writes, or is damaged */
export async function inspect(path: string, json: boolean): Promise<ExitCode> {
  const { json: value, show } = await look(path);
  if (json) printJson(value);
  else show();
  return EXIT.ok;
}

async function look(path: string): Promise<Found> {
  const about = await stat(path).catch((cause: unknown) => {
    throw fileError(path, cause, "a file or a folder");
  });
  if (about.isFile()) return file(path);
  const names = await readdir(path).catch((cause: unknown) => {
    throw fileError(path, cause, "a file or a folder");
  });
  if (names.includes(STATE_FILE)) return checkpoint(path);
  if (names.includes(MODEL_FILE)) return run(path);
  const accepted = `one with ${MODEL_FILE} (a run) or ${STATE_FILE} (a checkpoint)`;
  throw new DataError({ argument: path, got: `a folder with ${names.length} other files`, accepted });
}

async function run(path: string): Promise<Found> {
  const spec = await readSpec(path);
  const { source, target, features } = spec;
  const summary = summarize(multilayerPerceptron(spec.network));
  const { model, parts, elements, bytes } = summary;
  const classes = classesOf(spec);
  const checkpoints = (await listCheckpoints(checkpointsOf(path))).map(
    ({ path: at, step, epoch, figures }) => {
      return { path: at, step, epoch, ...(figures && { figures }) };
    },
  );
  const fields = features.map(({ name, categories }) => ({
    name,
    ...(categories && { labels: categories.labels }),
  }));
  return {
    json: {
      kind: "run",
      ...{ source, target, fields, classes, model, parameters: elements, bytes, parts, checkpoints },
    },
    show: () => {
      printLine("data", source);
      printLine("predicts", classes ? `${target}: ${classes.join(", ")}` : `${target}, a number`);
      printLine("from", listText(features.map(({ name }) => name)));
      printText(`${summary}`);
      for (const { path: at, step, epoch } of checkpoints)
        printLine("checkpoint", `${at}: step ${step}, epoch ${epoch}`);
    },
  };
}

async function checkpoint(path: string): Promise<Found> {
  const { adastep, step, position, config, figures, files } = await readState(path);
  // Reading them holds them against their SHA-256.
  for (const [name, record] of Object.entries(files)) await readRecorded(join(path, name), record);
  const { epoch, open } = position;
  const sizes = Object.entries(files).map(([name, { bytes }]) => ({ name, bytes }));
  return {
    json: {
      kind: "checkpoint",
      adastep,
      step,
      epoch,
      epochOpen: open,
      config,
      figures,
      files: sizes,
      intact: true,
    },
    show: () => {
      printLine("checkpoint", `step ${step}, ${open ? "in" : "after"} epoch ${epoch}, by adastep ${adastep}`);
      printLine("model", config.model);
      printLine("optimizer", `${config.optimizer}, batches of ${config.batchSize}, seed ${config.seed}`);
      for (const [name, value] of Object.entries(figures ?? {})) printLine(name, String(value));
      for (const { name, bytes } of sizes)
        printLine("file", `${name}, ${bytesText(bytes)}, SHA-256 as recorded`);
    },
  };
}

/** By its ending, or by its first bytes: damage is named where there is no doubt what a file should be. */
async function file(path: string): Promise<Found> {
  const bytes = formatOf(path) ? new Uint8Array() : await readBytes(path);
  const starts = (text: string, at = 0): boolean =>
    Buffer.from(bytes.subarray(at, at + text.length)).toString("latin1") === text;
  if (path.endsWith(".npy") || starts("\x93NUMPY")) return npy(path, bytes);
  if (path.endsWith(".safetensors") || starts("{", 8)) return tensors(path, bytes);
  const accepted = "a run, a checkpoint, a .safetensors or a .npy; for tables: adastep data";
  throw new DataError({ argument: path, got: "a file of another kind", accepted });
}

function tensors(path: string, content: Uint8Array): Found {
  const { entries, metadata } = layoutOf(content, path);
  const rows = entries.map(([name, { dtype, shape, begin, end }]) => {
    return { name, dtype, shape, bytes: end - begin };
  });
  const bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
  return {
    json: { kind: "tensors", metadata: Object.fromEntries(metadata), tensors: rows, bytes },
    show: () => {
      for (const [name, value] of metadata) printLine(name, value);
      const cells = rows.map((row) => [row.name, row.dtype, shapeText(row.shape), bytesText(row.bytes)]);
      printText(
        tableText([["tensor", "type", "shape", "bytes"], ...cells, ["in all", "", "", bytesText(bytes)]], 3),
      );
    },
  };
}

function npy(path: string, content: Uint8Array): Found {
  const { dtype, shape, data } = decodeNpy(content, path);
  const bytes = data.byteLength;
  return {
    json: { kind: "array", dtype, shape, bytes },
    show: () => printLine("array", `${dtype} ${shapeText(shape)}, ${bytesText(bytes)}`),
  };
}

const SHOWN = 12;

const listText = (names: readonly string[]): string =>
  names.length > SHOWN
    ? `${names.slice(0, SHOWN).join(", ")}, ... (${count(names.length)} fields)`
    : names.join(", ");
