// Reading a checkpoint into a model, an optimizer and what a run goes on from.

import { join } from "node:path";
import { decodeSafetensors } from "../data/safetensors.js";
import { AdastepError, DataError, describe } from "../errors.js";
import type { ComputePrecision } from "../native/native.js";
import type { Module } from "../nn/module.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { Plateau } from "../optim/schedule/plateau.js";
import { readRecorded, STATE_FILE } from "./checkpoint-files.js";
import { findCheckpoint, readState } from "./checkpoint-list.js";
import type { CheckpointState, TrainingConfig } from "./checkpoint-state.js";
import { describeModel } from "./describe.js";
import type { KeptParameters } from "./early-stopping.js";
import type { Position } from "./position.js";
import { decodeModel } from "./save.js";
import { decodeOptimizer } from "./save-optimizer.js";
import { decodeSnapshots } from "./save-snapshots.js";

/** What a checkpoint is read into. */
export interface ResumeTarget {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly plateau: Plateau | undefined;
  readonly position: Position;
  readonly seed: number;
  readonly precision: ComputePrecision;
  /** Snapshots that the guard keeps. */
  readonly slots: number;
}

/** A checkpoint that was read. */
export interface Resumed {
  readonly path: string;
  readonly state: CheckpointState;
  /** Parameters of the best evaluation, if early stopping kept them. */
  readonly kept: KeptParameters | undefined;
}

/**
 * Reads the newest checkpoint of a folder, or the one that the folder is.
 * @throws DataError (rejects) that names the file, for anything that is no whole checkpoint of this training; model and optimizer
 *   are then as they were
 */
export async function readCheckpoint(directory: string, target: ResumeTarget): Promise<Resumed> {
  const { model, optimizer, plateau, position, seed, precision, slots } = target;
  const path = await findCheckpoint(directory);
  const state = await readState(path);
  const read = (name: string): Promise<Uint8Array> => readRecorded(join(path, name), state.files[name]);
  const parameters = await read("model.safetensors");
  const states = await read("optimizer.safetensors");
  const kept = "best.safetensors" in state.files ? keptIn(path, await read("best.safetensors")) : undefined;
  const ringsFile = join(path, "snapshots.safetensors");
  const rings =
    slots > 0 && "snapshots.safetensors" in state.files ? await read("snapshots.safetensors") : undefined;
  const stateFile = join(path, STATE_FILE);
  checkAlike(stateFile, state.config, {
    model: describeModel(model),
    optimizer: optimizer.constructor.name,
    seed,
    precision,
  });

  const [parametersBefore, plateauBefore, positionBefore] = [
    await model.state(),
    plateau?.state(),
    position.state(),
  ];
  // Without snapshots nothing comes after its state that may not fit.
  const optimizerBefore = rings && (await optimizer.state());
  try {
    named(stateFile, () => {
      position.load(state.position);
      if (state.plateau) plateau?.load(state.plateau);
    });
    decodeModel(model, parameters, join(path, "model.safetensors"));
    decodeOptimizer(optimizer, states, join(path, "optimizer.safetensors"));
    if (rings) named(ringsFile, () => decodeSnapshots(optimizer, rings, ringsFile, slots));
  } catch (error) {
    model.load(parametersBefore);
    position.load(positionBefore);
    if (optimizerBefore) optimizer.load(optimizerBefore);
    if (plateauBefore) plateau?.load(plateauBefore);
    throw error;
  }
  return { path, state, kept };
}

/** Throws unless the state is of such a training. */
export function checkAlike(path: string, config: TrainingConfig, wanted: Partial<TrainingConfig>): void {
  for (const [name, value] of Object.entries(wanted)) {
    const own: unknown = config[name as keyof TrainingConfig];
    if (own !== value)
      throw new DataError({
        argument: `${path}: '${name}'`,
        got: `${describe(own)} in the checkpoint, and ${describe(value)}`,
        accepted: "what the checkpoint has",
      });
  }
}

function keptIn(path: string, bytes: Uint8Array): KeptParameters {
  const { tensors } = decodeSafetensors(bytes, join(path, "best.safetensors"));
  return tensors as KeptParameters;
}

/** Makes the errors of `body` name the file that they are about. */
function named(path: string, body: () => void): void {
  try {
    body();
  } catch (cause) {
    if (!(cause instanceof AdastepError)) throw cause;
    throw new DataError(`${path} does not fit: ${cause.message}`, { cause });
  }
}
