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
  const state = Object.entries(await model.state());
  const tensors = state.map(([name, { shape, data }]) => [name, { dtype: "F32", shape, data }] as const);
  // "format": "pt" tells other readers that names and layouts are PyTorch's.
  const about = { format: "pt", adastep: packageVersion(), model: describeModel(model) };
  await writeFileAtomically(path, encodeSafetensors(Object.fromEntries(tensors), { ...about, ...metadata }));
}

/**
 * Reads the parameters of a model from a file; names and shapes must be exactly those of the model. Resolves with the
 * file's metadata.
 * @throws DataError (rejects) that names the file, if it cannot be read or does not fit; the model is then as it was
 */
export async function loadModel(model: Module, path: string): Promise<Readonly<Record<string, string>>> {
  const { tensors, metadata } = decodeSafetensors(await readBytes(path), path);
  const state: Record<string, { shape: Shape; data: Float32Array }> = {};
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    if (!(data instanceof Float32Array)) {
      throw new DataError({ argument: `${path}, tensor "${name}"`, got: dtype, accepted: "F32" });
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
