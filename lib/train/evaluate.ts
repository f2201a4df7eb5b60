// Loss, accuracy and metrics of a model on a dataset, batch by batch.

import { stagedBatches } from "../data/batches.js";
import { DataError } from "../errors.js";
import type { Evaluation } from "./events.js";
import type { Feed, Inputs } from "./feed.js";
import { type Metrics, meanOf, sumOf } from "./metrics.js";
import type { TrainingData } from "./options.js";
import { inOrder, type Started } from "./pipeline.js";
import { BatchReader } from "./reader.js";
import type { Recordings } from "./recordings.js";
import type { Contributed, Totals } from "./totals.js";

/** What an evaluation needs from its trainer. */
export interface EvaluationParts {
  /** For messages: who asked. */
  readonly owner: string;
  readonly recordings: Recordings;
  readonly feed: Feed;
  readonly batchSize: number;
  readonly metrics: Metrics;
  /** Aborted to end it early, also while it waits for data. */
  readonly stopping: AbortSignal;
  /** Sees all work that is started. */
  readonly track: (work: Promise<unknown>) => void;
}

interface EvaluatedBatch {
  readonly size: number;
  readonly contributed: readonly Contributed[];
}

/** Evaluates a dataset: its batches add up in device memory, which is read at the end. Undefined if it was stopped. */
export async function evaluateDataset(
  dataset: TrainingData,
  parts: EvaluationParts,
): Promise<Evaluation<Metrics> | undefined> {
  const { recordings, metrics, track } = parts;
  let totals: Totals | undefined;
  const open = (inputs: Inputs): Totals => {
    if (totals) return totals;
    totals = recordings.totals(inputs);
    totals.begin(dataset.size);
    return totals;
  };
  try {
    let examples = 0;
    let contributed: readonly Contributed[] = [];
    for await (const batch of inOrder(startBatches(dataset, parts, open))) {
      examples += batch.size;
      contributed = batch.contributed;
    }
    if (!totals || examples < dataset.size || totals.disposed) return undefined;
    const reading = totals.read();
    track(reading);
    return figuresOf(contributed, await reading, examples, metrics);
  } finally {
    totals?.end();
  }
}

function figuresOf(
  contributed: readonly Contributed[],
  totals: readonly Float64Array[],
  examples: number,
  metrics: Metrics,
): Evaluation<Metrics> {
  const of = (figure: string): Record<string, Float64Array> =>
    Object.fromEntries(
      contributed.flatMap(([owner, name], i) =>
        owner === figure ? [[name, totals[i] as Float64Array]] : [],
      ),
    );
  const { right } = of("accuracy");
  return {
    loss: sumOf(of("loss").sum ?? []) / examples,
    ...(right && { accuracy: meanOf(right, examples) }),
    examples,
    metrics: Object.fromEntries(
      Object.entries(metrics).map(([name, metric]) => [name, metric.value(of(name), examples)]),
    ),
  };
}

/** Enqueues the batches, one each time it is asked. */
async function* startBatches(
  dataset: TrainingData,
  { owner, recordings, feed, batchSize, metrics, stopping, track }: EvaluationParts,
  open: (inputs: Inputs) => Totals,
): AsyncGenerator<Started<EvaluatedBatch>, void, void> {
  let left = dataset.size;
  const batches = new BatchReader(stagedBatches(dataset, { batchSize }), stopping);
  try {
    while (left !== 0) {
      const next = await batches.next();
      if (!next || stopping.aborted) return;
      if (next.done) break;
      const { size } = next.value;
      left -= size;
      if (left < 0) break;
      const { inputs, arrays } = feed.batch(owner, dataset, next.value);
      const totals = open(inputs);
      const { program, windows, contributed } = recordings.evaluation(inputs, metrics, totals);
      const running = program.run(arrays);
      track(running);
      totals.collect(windows, size);
      yield { result: running.then(() => ({ size, contributed })), barrier: false };
    }
    if (left === 0) return;
  } finally {
    await batches.close();
  }
  const got = left > 0 ? `${dataset.size - left} examples` : "more examples";
  throw new DataError({ argument: owner, got, accepted: `${dataset.size}, as the size of the data tells` });
}
