// Whether a model can learn one batch by heart: if not, it is model, loss or learning rate that is wrong, and not the data.

import { checkInteger, given } from "../check.js";
import type { Batch } from "../data/batches.js";
import { DeviceError } from "../errors.js";
import { Feed } from "./feed.js";
import {
  checkDataset,
  checkOptions,
  checkSignal,
  type MemoryDataset,
  type TrainerOptions,
} from "./options.js";
import { inOrder, type Started } from "./pipeline.js";
import { Recordings } from "./recordings.js";
import { keepStatistics } from "./statistics.js";

/** What is trained, as a Trainer takes it, and on what. What is watched, saved and evaluated of a run is left out. */
export interface OverfitBatchOptions extends TrainerOptions {
  readonly train: MemoryDataset;
  /** The first so many examples of `train` are the batch. */
  readonly batchSize: number;
  /** Default 200. */
  readonly steps?: number;
  /** Ends it between two steps. */
  readonly signal?: AbortSignal;
}

/** What was found. */
export interface OverfitBatchResult {
  /** Of the batch, before each step. */
  readonly losses: readonly number[];
  /** The first and the last of them; NaN if there is none. */
  readonly first: number;
  readonly last: number;
}

const OWN = ["train", "batchSize", "steps", "signal"];

/**
 * Trains on one batch again and again. The loss should come close to its lowest possible value; dropout and weight decay keep it from
 * that. Afterwards, however it ends, model and optimizer are what they were before, bit for bit: they are held in memory on the
 * device, which takes as much again meanwhile. A training of the same model must not go on at the same time.
 * @throws ArgumentError (rejects) for an option that is missing, unknown or wrong; DeviceError for what the device finds, which is
 *   then made usable again (`device.reset`), for the restoring
 */
export async function overfitBatch(options: OverfitBatchOptions): Promise<OverfitBatchResult> {
  const owner = "overfitBatch";
  checkOptions(options, owner, OWN);
  const { train, signal, device, model, loss, optimizer, clip, guard, schedule } = options;
  checkDataset(`${owner}: 'train'`, train);
  checkSignal(`${owner}: 'signal'`, signal);
  const size = Math.min(checkInteger(`${owner}: 'batchSize'`, options.batchSize, 1), train.size);
  const steps = checkInteger(`${owner}: 'steps'`, given(options.steps, 200), 1);
  const seed = checkInteger(`${owner}: 'seed'`, given(options.seed, 0), 0);
  const feed = new Feed(options.inputs, options.inputScale);
  const minimize = { ...(clip && { clip }), ...(guard && { guard }), ...(schedule && { schedule }) };
  const { precision = "f32" } = options;
  const recordings = new Recordings({ device, model, loss, optimizer, minimize, feed, seed, precision });
  const [batch] = [...train.take(size).batches({ batchSize: size })] as [Batch];
  function* start(): Generator<Started<number>> {
    const { inputs, arrays } = feed.batch(owner, train, batch);
    const program = recordings.step(inputs);
    for (let step = 0; step < steps && !signal?.aborted; step++)
      yield { result: program.run(arrays).then((result) => result.loss), barrier: false };
  }
  using kept = optimizer.keep();
  using statistics = keepStatistics(device, model);
  try {
    const losses: number[] = [];
    for await (const value of inOrder(start())) losses.push(value);
    return { losses, first: losses[0] ?? Number.NaN, last: losses.at(-1) ?? Number.NaN };
  } catch (error) {
    if (error instanceof DeviceError) device.reset(); // or it would refuse the restoring
    throw error;
  } finally {
    recordings.close();
    kept.restore();
    statistics.restore();
  }
}
