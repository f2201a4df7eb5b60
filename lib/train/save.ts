// Models as safetensors files, with the names that their parameters have in PyTorch.

import { readBytes, writeFileAtomically } from "../data/files.js";
import { decodeSafetensors, encodeSafetensors } from "../data/safetensors.js";
import type { Shape } from "../device/dtype.js";
import { AdastepError, DataError } from "../errors.js";
import type { Module } from "../nn/module.js";
import { describeModel } from "./describe.js";
import { packageVersion } from "./version.js";

/**
 * Writes the parameters of a model (F32, by name), and in the metadata what wrote them and what the model is. Atomic: the
 * path holds the old file or the whole new one.
 * @param metadata further strings for the file
 * @throws DataError (rejects) if the file cannot be written
 */
export async function saveModel(
  model: Module,
  path: string,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeFileAtomically(path, await encodeModel(model, metadata));
}

/** The content of the file that `saveModel` writes. Reads what the parameters are when it is called. */
export async function encodeModel(
  model: Module,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Uint8Array[]> {
  const state = Object.entries(await model.state());
  const tensors = state.map(([name, { shape, data }]) => [name, { dtype: "F32", shape, data }] as const);
  // "format": "pt" tells other readers that names and layouts are PyTorch's.
  const about = { format: "pt", adastep: packageVersion(), model: describeModel(model) };
  return encodeSafetensors(Object.fromEntries(tensors), { ...about, ...metadata });
}

/**
 * Reads the parameters of a model from a file (F32, BF16 or F16); names and shapes must be exactly those of the model, but for
 * PyTorch's count of batches beside running statistics, which is left out. Resolves with the file's metadata.
 * @throws DataError (rejects) that names the file, if it cannot be read or does not fit; the model is then as it was
 */
export async function loadModel(model: Module, path: string): Promise<Readonly<Record<string, string>>> {
  return decodeModel(model, await readBytes(path), path);
}

/** As `loadModel`, from the bytes of the file; `path` is for messages. */
export function decodeModel(
  model: Module,
  bytes: Uint8Array,
  path: string,
): Readonly<Record<string, string>> {
  const { tensors, metadata } = decodeSafetensors(bytes, path);
  const state: Record<string, { shape: Shape; data: Float32Array }> = {};
  const names = new Set(Array.from(model.declared(), ([name]) => name));
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    if (isBatchCount(name, names)) continue;
    if (!(data instanceof Float32Array)) {
      throw new DataError({ argument: `${path}, tensor "${name}"`, got: dtype, accepted: "F32, BF16, F16" });
    }
    state[name] = { shape, data };
  }
  try {
    model.load(state);
  } catch (cause) {
    if (!(cause instanceof AdastepError)) throw cause;
    throw new DataError(`${path} does not fit the model: ${cause.message}`, { cause });
  }
  return metadata;
}

/** PyTorch's BatchNorm counts batches, for a running mean of all of them, which is not what BatchNorm keeps here. */
function isBatchCount(name: string, names: ReadonlySet<string>): boolean {
  const prefix = /^(.*\.|)num_batches_tracked$/.exec(name)?.[1];
  return prefix !== undefined && !names.has(name) && names.has(`${prefix}running_mean`);
}
