// Loss and accuracy of a model on a dataset, batch by batch.

import type { Dataset } from "../data/dataset.js";
import type { Evaluation } from "./events.js";
import type { Feed } from "./feed.js";
import { Mean } from "./mean.js";
import { inOrder, type Started } from "./pipeline.js";
import type { Recordings } from "./recordings.js";

/** What an evaluation needs from its trainer. */
export interface EvaluationParts {
  /** For messages: who asked. */
  readonly owner: string;
  readonly recordings: Recordings;
  readonly feed: Feed;
  readonly batchSize: number;
  /** Asked between batches. */
  readonly stopped: () => boolean;
  /** Sees all work that is started. */
  readonly track: (work: Promise<unknown>) => void;
}

/** Evaluates a dataset, in double over the batches; undefined if it was stopped. */
export async function evaluateDataset(
  dataset: Dataset,
  parts: EvaluationParts,
): Promise<Evaluation | undefined> {
  const { owner, recordings, feed, batchSize, stopped, track } = parts;
  function* start(): Generator<Started<{ loss: number; correct?: number; size: number }>> {
    for (const { size, columns } of dataset.batches({ batchSize })) {
      if (stopped()) return;
      const result = recordings.evaluation(feed.inputs(owner, dataset, size)).run(feed.arrays(columns));
      track(result);
      yield { result: result.then((figures) => ({ ...figures, size })), barrier: false };
    }
  }
  const loss = new Mean();
  let correct: number | undefined;
  for await (const batch of inOrder(start())) {
    loss.add(batch.loss, batch.size);
    if (batch.correct !== undefined) correct = (correct ?? 0) + batch.correct;
  }
  const { examples } = loss;
  if (examples < dataset.size) return undefined;
  return { loss: loss.value, ...(correct !== undefined && { accuracy: correct / examples }), examples };
}
