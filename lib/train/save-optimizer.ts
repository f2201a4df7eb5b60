// Optimizer states as safetensors files: a tensor for each state of each parameter, scalars in the metadata.

import { readBytes, writeFileAtomically } from "../data/files.js";
import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from "../data/safetensors.js";
import { countOf, type Shape } from "../device/dtype.js";
import { AdastepError, DataError, describe } from "../errors.js";
import type { StateArray } from "../optim/memory.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { LoadOptions, LoadReport, OptimizerState } from "../optim/state.js";
import { packageVersion } from "./version.js";

/** The guard's words: no parameter's state has a name without a dot. */
const GUARD = "guard";

/** Scalars of a state, each as JSON in the metadata, whose decimals are exact: they are the shortest that read back as the double. */
const SCALARS = ["step", "groups", "running", "lr"] as const;

/** What `loadOptimizer` tells. */
export interface LoadedOptimizer extends LoadReport {
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Writes the state of an optimizer: tensors `<parameter>.<state>` (F32, in the shape of the parameter, PyTorch's names) and
 * `guard` (F64); in the metadata rule, step, and the groups with their running scalars and learning rates. Atomic: the path holds
 * the old file or the whole new one. Parameters are not in it: see `saveModel`.
 * @param metadata further strings for the file
 * @throws DataError (rejects) if the file cannot be written
 */
export async function saveOptimizer(
  optimizer: Optimizer,
  path: string,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeFileAtomically(path, await encodeOptimizer(optimizer, metadata));
}

/** The content of the file that `saveOptimizer` writes. Reads what the state is when it is called. */
export async function encodeOptimizer(
  optimizer: Optimizer,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Uint8Array[]> {
  const state = await optimizer.state();
  const shapes = shapesOf(optimizer);
  const tensors: [string, SafetensorsTensor][] = Object.entries(state.parameters).flatMap(([name, states]) =>
    Object.entries(states).map(([own, data]): [string, SafetensorsTensor] => [
      `${name}.${own}`,
      { dtype: nameOf(data), shape: shapeOf(shapes.get(name), data.length), data } as SafetensorsTensor,
    ]),
  );
  const guard = Float64Array.from(state.guard);
  tensors.push([GUARD, { dtype: "F64", shape: [guard.length], data: guard }]);
  const scalars = SCALARS.map((name) => [name, JSON.stringify(state[name])]);
  const about = {
    format: "pt",
    adastep: packageVersion(),
    optimizer: optimizer.constructor.name,
    rule: state.rule,
  };
  const all = { ...about, ...Object.fromEntries(scalars), ...metadata };
  return encodeSafetensors(Object.fromEntries(tensors), all);
}

/**
 * Reads the state of an optimizer from a file, as `optimizer.load` takes it. Resolves with the file's metadata, and what did not
 * fit if `strict` is false.
 * @throws DataError (rejects) that names the file, if it cannot be read or does not fit; the optimizer is then as it was
 */
export async function loadOptimizer(
  optimizer: Optimizer,
  path: string,
  options: LoadOptions = {},
): Promise<LoadedOptimizer> {
  return decodeOptimizer(optimizer, await readBytes(path), path, options);
}

/** As `loadOptimizer`, from the bytes of the file; `path` is for messages. */
export function decodeOptimizer(
  optimizer: Optimizer,
  bytes: Uint8Array,
  path: string,
  options: LoadOptions = {},
): LoadedOptimizer {
  const { tensors, metadata } = decodeSafetensors(bytes, path);
  const shapes = shapesOf(optimizer);
  const scalars = Object.fromEntries(SCALARS.map((name) => [name, scalarOf(path, metadata, name)]));
  const parameters = new Map<string, [string, StateArray][]>();
  // A parameter that has no states is known by its group.
  for (const name of [scalars.groups].flat(2)) parameters.set(String(name), []);
  let guard: Float64Array | undefined;
  for (const [key, { dtype, shape, data }] of Object.entries(tensors)) {
    if (key === GUARD && data instanceof Float64Array) {
      guard = data;
      continue;
    }
    const argument = `${path}, tensor "${key}"`;
    const dot = key.lastIndexOf(".");
    const [name, state] = [key.slice(0, dot), key.slice(dot + 1)];
    const states = parameters.get(name);
    if (dot < 0 || !states)
      throw new DataError({ argument, got: describe(key), accepted: "a state of a parameter of the groups" });
    if (!isState(data)) throw new DataError({ argument, got: dtype, accepted: "F32, F64 or I32" });
    const own = shapes.get(name);
    if (own && countOf(own) === data.length && shape.join() !== own.join())
      throw new DataError({ argument, got: `[${shape.join(", ")}]`, accepted: `[${own.join(", ")}]` });
    states.push([state, data]);
  }
  if (!guard)
    throw new DataError({
      argument: path,
      got: `no F64 tensor "${GUARD}"`,
      accepted: "an optimizer's state",
    });
  const named = [...parameters].map(([name, states]) => [name, Object.fromEntries(states)]);
  const { rule } = metadata;
  const state = { ...scalars, rule, guard: [...guard], parameters: Object.fromEntries(named) };
  try {
    // What is in the scalars is checked there.
    return { metadata, ...optimizer.load(state as unknown as OptimizerState, options) };
  } catch (cause) {
    if (!(cause instanceof AdastepError)) throw cause;
    throw new DataError(`${path} does not fit the optimizer: ${cause.message}`, { cause });
  }
}

function isState(data: unknown): data is StateArray {
  return data instanceof Float32Array || data instanceof Float64Array || data instanceof Int32Array;
}

function nameOf(data: StateArray): "F32" | "F64" | "I32" {
  if (data instanceof Float32Array) return "F32";
  return data instanceof Float64Array ? "F64" : "I32";
}

function shapesOf(optimizer: Optimizer): Map<string, Shape> {
  return new Map(optimizer.groups.flatMap(({ params }) => params.map(({ name, shape }) => [name, shape])));
}

/** That of the parameter, unless the state is of another size. */
function shapeOf(shape: Shape | undefined, length: number): Shape {
  return shape && countOf(shape) === length ? shape : [length];
}

function scalarOf(path: string, metadata: Readonly<Record<string, string>>, name: string): unknown {
  const text = metadata[name];
  const argument = `${path}, metadata "${name}"`;
  if (text === undefined)
    throw new DataError({ argument, got: "none", accepted: "that of an optimizer's state" });
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DataError({ argument, got: describe(text), accepted: "JSON" }, { cause });
  }
}
