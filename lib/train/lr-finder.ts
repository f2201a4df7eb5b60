// The learning-rate range test (Smith 2017, "Cyclical learning rates for training neural networks", section 3.3).

import { checkInteger, checkNumber, given } from "../check.js";
import { ArgumentError, DeviceError } from "../errors.js";
import type { Kept } from "../optim/memory.js";
import { Feed } from "./feed.js";
import { type LearningRateReading, readCurve } from "./lr-curve.js";
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

/**
 * What is trained, as a Trainer takes it, and the range. `schedule` and `guard` are left out of the test: it is lr alone that
 * changes, and a step that goes wrong is what is looked for. So is what concerns evaluations and checkpoints, and `accumulate`: a step
 * takes one batch.
 */
export interface FindLearningRateOptions extends TrainerOptions {
  readonly train: MemoryDataset;
  /** Examples per step; a smaller last batch of an epoch is left out. */
  readonly batchSize: number;
  /** The first learning rate. Default 1e-7. */
  readonly from?: number;
  /** The last, unless the loss diverges before. Default 10. */
  readonly to?: number;
  /** Steps from one to the other, in equal ratios. Default 100. */
  readonly steps?: number;
  /** Decay of the running mean of the loss, 0 or more and below 1. Default 0.9. */
  readonly smoothing?: number;
  /** The test ends where the smoothed loss is more than this many times its lowest. Default 4. */
  readonly divergence?: number;
  /** Ends the test between two steps. */
  readonly signal?: AbortSignal;
}

/** A step of the test. */
export interface LearningRatePoint {
  /** Of the first group; the others keep their ratio to it. */
  readonly lr: number;
  /** Of the batch, before the step. */
  readonly loss: number;
  /** Running mean of the losses, without the bias of its start. */
  readonly smoothed: number;
}

/** What the test found. */
export interface FoundLearningRate extends LearningRateReading {
  readonly curve: readonly LearningRatePoint[];
  /** Whether it came to the end of the range, the loss diverged (or was not finite), or the signal ended it. */
  readonly reason: "completed" | "diverged" | "aborted";
}

const OWN = ["train", "batchSize", "from", "to", "steps", "smoothing", "divergence", "signal"];

/**
 * Trains for some steps with a learning rate that grows exponentially, and reads from the losses which one to take. Afterwards,
 * however it ends, model, optimizer and all that is random are what they were before, bit for bit: they are held in memory on the
 * device, which takes as much again meanwhile. It finds a rate for the model as it is: at the start of a training. A training of
 * the same model must not go on at the same time.
 *
 * ```ts
 * const parts = { device, model, loss: crossEntropy, optimizer };
 * const { suggestion } = await findLearningRate({ ...parts, train, batchSize: 64 });
 * ```
 *
 * @throws ArgumentError (rejects) for an option that is missing, unknown or wrong; DeviceError for what the device finds, which is
 *   then made usable again (`device.reset`), for the restoring
 */
export async function findLearningRate(options: FindLearningRateOptions): Promise<FoundLearningRate> {
  const range = checkRange(options);
  const { optimizer, device } = options;
  const feed = new Feed(options.inputs, options.inputScale);
  const recordings = new Recordings({
    device,
    model: options.model,
    loss: options.loss,
    optimizer,
    minimize: options.clip ? { clip: options.clip } : {},
    feed,
    seed: range.seed,
    precision: options.precision ?? "f32",
  });
  const kept = [optimizer.keep(), keepStatistics(device, options.model)];
  try {
    const tested = await test(options, range, feed, recordings);
    return { ...tested, ...readCurve(tested.curve) };
  } catch (error) {
    if (error instanceof DeviceError) device.reset(); // or it would refuse the restoring
    throw error;
  } finally {
    recordings.close();
    end(kept);
  }
}

function end(kept: readonly Kept[]): void {
  try {
    for (const each of kept) each.restore();
  } finally {
    for (const each of kept) each[Symbol.dispose]();
  }
}

type Range = Required<Pick<FindLearningRateOptions, "from" | "to" | "steps" | "smoothing" | "divergence">> & {
  readonly batchSize: number;
  readonly seed: number;
  /** Learning rate of each group in units of the first's. */
  readonly ratios: readonly number[];
};

function checkRange(options: FindLearningRateOptions): Range {
  const owner = "findLearningRate";
  checkOptions(options, owner, OWN);
  checkDataset(`${owner}: 'train'`, options.train);
  checkSignal(`${owner}: 'signal'`, options.signal);
  const positive = (name: "from" | "to", fallback: number): number =>
    checkNumber(`${owner}: '${name}'`, given(options[name], fallback), "a number above 0", (v) => v > 0);
  const [from, to] = [positive("from", 1e-7), positive("to", 10)];
  if (from >= to)
    throw new ArgumentError({
      argument: `${owner}: 'to'`,
      got: `${to}`,
      accepted: `more than 'from', ${from}`,
    });
  const lrs = options.optimizer.groups.map(({ lr }) => lr);
  const first = checkNumber(
    `${owner}: optimizer.groups[0].lr`,
    lrs[0],
    "a number above 0, which the other groups' are in proportion to",
    (v) => v > 0,
  );
  return {
    from,
    to,
    steps: checkInteger(`${owner}: 'steps'`, given(options.steps, 100), 2),
    smoothing: checkNumber(
      `${owner}: 'smoothing'`,
      given(options.smoothing, 0.9),
      "a number, 0 or more, below 1",
      (v) => v >= 0 && v < 1,
    ),
    divergence: checkNumber(
      `${owner}: 'divergence'`,
      given(options.divergence, 4),
      "a number above 1",
      (v) => v > 1,
    ),
    batchSize: Math.min(checkInteger(`${owner}: 'batchSize'`, options.batchSize, 1), options.train.size),
    seed: checkInteger(`${owner}: 'seed'`, given(options.seed, 0), 0),
    ratios: lrs.map((lr) => lr / first),
  };
}

/** Batches without end, in the order of a Trainer with this seed. */
function* batches(train: MemoryDataset, { batchSize, seed }: Range) {
  for (let epoch = 1; ; epoch++)
    yield* train.batches({ batchSize, shuffle: { seed }, epoch, dropLast: true });
}

async function test(
  { train, optimizer, signal }: FindLearningRateOptions,
  range: Range,
  feed: Feed,
  recordings: Recordings,
): Promise<Pick<FoundLearningRate, "curve" | "reason">> {
  const { from, to, steps, smoothing, divergence, ratios } = range;
  const source = batches(train, range);
  function* start(): Generator<Started<{ lr: number; loss: number }>> {
    for (let step = 0; step < steps && !signal?.aborted; step++) {
      const batch = source.next().value;
      if (!batch) return;
      const lr = from * (to / from) ** (step / (steps - 1));
      for (const [i, group] of optimizer.groups.entries()) group.lr = lr * (ratios[i] as number);
      const { inputs, arrays } = feed.batch("findLearningRate", train, batch);
      const result = recordings
        .step(inputs)
        .run(arrays)
        .then(({ loss }) => ({ lr, loss }));
      yield { result, barrier: false };
    }
  }
  const curve: LearningRatePoint[] = [];
  let [sum, weight, lowest] = [0, 0, Number.POSITIVE_INFINITY];
  for await (const { lr, loss } of inOrder(start())) {
    if (!Number.isFinite(loss)) return { curve, reason: "diverged" };
    [sum, weight] = [smoothing * sum + (1 - smoothing) * loss, smoothing * weight + 1 - smoothing];
    const smoothed = sum / weight;
    curve.push({ lr, loss, smoothed });
    lowest = Math.min(lowest, smoothed);
    // A loss may be below 0: what counts is the distance from its lowest, in units of that.
    if (smoothed > lowest + (divergence - 1) * Math.abs(lowest)) return { curve, reason: "diverged" };
  }
  return { curve, reason: curve.length < steps ? "aborted" : "completed" };
}
