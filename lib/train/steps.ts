// The steps of an epoch, enqueued one by one; a step may take several batches.

import { type Batch, stagedBatches } from "../data/batches.js";
import { SparseDataset } from "../data/sparse.js";
import { DataError } from "../errors.js";
import type { CheckedRun, TrainingData } from "./options.js";
import type { Started } from "./pipeline.js";
import type { Profile } from "./profile.js";
import { BatchReader } from "./reader.js";
import type { RunParts } from "./run.js";

/** A step that has run. */
export interface StepResult {
  readonly step: number;
  /** Examples. */
  readonly size: number;
  readonly lr: number;
  readonly loss: number;
  readonly gradNorm: number;
}

/** Questions of the steps to their run. */
export interface StepGates {
  readonly stopped: () => boolean;
  /** Aborted where the run stops while it waits for data. */
  readonly stopping: AbortSignal;
  /** Whether nothing is started after this step before it has been dealt with. */
  readonly pauses: (step: number) => boolean;
}

/** Enqueues the steps of an epoch from where the position is, one each time it is asked. */
export async function* startSteps(
  parts: RunParts,
  train: TrainingData,
  { batchSize, shuffle }: CheckedRun,
  { stopped, stopping, pauses }: StepGates,
  profile: Profile,
): AsyncGenerator<Started<StepResult>, void, void> {
  const { position, seed, optimizer, schedule, accumulate, track } = parts;
  const order = shuffle ? { shuffle: { seed } } : {};
  const { epoch, taken } = position;
  const start = Math.min(taken * accumulate, Math.ceil(train.size / batchSize));
  const options = { batchSize, ...order, epoch, start };
  // Of a step on several batches, all have the same shape then: few recordings serve it.
  const own = train instanceof SparseDataset ? { ...options, alike: accumulate } : options;
  const batches = new BatchReader(stagedBatches(train, own), stopping);
  let left = train.size - Math.min(start * batchSize, train.size);
  try {
    while (left > 0 && !stopped()) {
      const size = Math.min(accumulate * batchSize, left);
      left -= size;
      const before = optimizer.stepCount;
      const lr = (optimizer.groups[0]?.lr ?? 0) * (schedule?.(before) ?? 1);
      const started = await startStep(parts, train, batches, { size, batchSize, stopped, profile });
      if (!started) return;
      const result = profile.device(track(started.result));
      const step = before + 1;
      yield {
        result: result.then(({ loss, gradNorm }) => ({ step, size, lr, loss, gradNorm })),
        barrier: pauses(step),
      };
    }
  } finally {
    await batches.close();
  }
}

interface Drawing {
  /** Examples of the step. */
  readonly size: number;
  readonly batchSize: number;
  readonly stopped: () => boolean;
  readonly profile: Profile;
}

/**
 * Enqueues one step on `size` examples, however many batches they are; undefined if the run was stopped while it waited for
 * them. What batches before had summed up is then let go.
 */
async function startStep(
  { feed, recordings, optimizer, accumulate, track }: RunParts,
  train: TrainingData,
  batches: BatchReader,
  { size, batchSize, stopped, profile }: Drawing,
): Promise<{ readonly result: Promise<{ loss: number; gradNorm: number }> } | undefined> {
  // Dropout draws by it: no two batches may draw the same numbers, whatever their size.
  const first = optimizer.stepCount * accumulate;
  for (let i = 0, begun = 0; ; i++) {
    const expected = Math.min(batchSize, size - begun);
    const batch = await profile.wait("data", () => drawBatch(batches, expected));
    if (!batch || stopped()) return undefined;
    const { inputs, arrays } = feed.batch("trainer.run", train, batch);
    const run = <B, R>(program: Steppable<B, R>, step: number, given: B): R => {
      program.step = step;
      return profile.time("enqueue", () => program.run(given));
    };
    if (batch.size === size) return { result: run(recordings.step(inputs), first, arrays) };
    begun += batch.size;
    const place = i === 0 ? "first" : begun < size ? "middle" : "last";
    const program = recordings.part(inputs, place);
    const result = run(program, first + i, { ...arrays, weight: Float32Array.of(batch.size / size) });
    if (place === "last") return { result: result as Promise<{ loss: number; gradNorm: number }> };
    // What fails in a part fails in the last one, too: the device refuses it.
    track(result).catch(() => undefined);
  }
}

/** The next batch; undefined if the run is to stop. @throws DataError (rejects) for one of another size than the data tell by theirs */
async function drawBatch(batches: BatchReader, expected: number): Promise<Batch | undefined> {
  const next = await batches.next();
  if (!next) return undefined;
  const { done, value } = next;
  if (!done && value.size === expected) return value;
  const got = done ? "the end" : `a batch of ${value.size} examples`;
  const accepted = `${expected} examples, as the size of the data tells`;
  throw new DataError({ argument: "trainer.run: 'train'", got, accepted });
}

interface Steppable<B, R> {
  step: number;
  run(batch: B): R;
}
