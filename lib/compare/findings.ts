// The promises of adaptive learning rates, held against what was measured.

import { differenceOf } from "./measures.js";
import { BASELINE } from "./names.js";
import type { OptimizerResult, TaskResult } from "./results.js";
import { decadesText, signedText, stepsText, valueText } from "./texts.js";

/** Whether a promise held. `same`: no difference that was to be seen. `open`: the trials do not tell. */
export type Outcome = "held" | "same" | "failed" | "open";

/** A promise, for one optimizer on one task. */
export interface Judgement {
  readonly outcome: Outcome;
  /** By how much: its own figure and the baseline's. */
  readonly text: string;
}

export interface CaseJudgement extends Judgement {
  readonly task: string;
  readonly title: string;
  readonly adaptive: boolean;
}

/** A promise, and what became of it: on each task, for each optimizer but the baseline. */
export interface Finding {
  readonly promise: string;
  /** What is called held, and what no difference. */
  readonly meaning: string;
  readonly cases: readonly CaseJudgement[];
}

type Judge = (task: TaskResult, own: OptimizerResult, base: OptimizerResult) => Judgement;

interface Promised {
  readonly promise: string;
  readonly meaning: string;
  readonly judge: Judge;
  readonly sparseOnly?: boolean;
}

const PROMISES: readonly Promised[] = [
  {
    promise: "Faster convergence",
    meaning:
      "Steps until the validation set reaches the target, each optimizer at the learning rate at which it is soonest there, median " +
      "over the seeds. Held: fewer than SGD at a fixed rate. No difference: within the steps between two evaluations.",
    judge: judgeConvergence,
  },
  {
    promise: "Better generalization",
    meaning:
      "The test set, at the end of the training, each optimizer at the learning rate that was best on the validation set, mean over " +
      "the seeds. No difference: less than twice the standard error that the seeds give the difference (Welch). What another test set " +
      "would say is not in that error: each task tells how much that may be.",
    judge: judgeGeneralization,
  },
  {
    promise: "Robustness to the learning rate",
    meaning:
      "Decades of learning rates whose results on the validation set are nearly as good as the best of all optimizers (the tolerance " +
      'of the task). Held: more of them than SGD at a fixed rate has. "no decades": even its best rate is not as good.',
    judge: judgeRobustness,
  },
  {
    promise: "Sparse data",
    meaning:
      "On the sparse task alone, steps and test set as above. Held: one better than SGD at a fixed rate and none worse. Did not hold: " +
      "one of them worse.",
    judge: judgeSparse,
    sparseOnly: true,
  },
];

/** What became of each promise that there are tasks for. Without the baseline there is nothing to hold it against. */
export function findingsOf(tasks: readonly TaskResult[]): Finding[] {
  return PROMISES.map(({ promise, meaning, judge, sparseOnly = false }) => {
    const own = tasks.filter(({ sparse }) => sparse || !sparseOnly);
    return { promise, meaning, cases: own.flatMap((task) => casesOf(task, judge)) };
  }).filter(({ cases }) => cases.length > 0);
}

function casesOf(task: TaskResult, judge: Judge): CaseJudgement[] {
  const base = task.optimizers.find(({ optimizer }) => optimizer === BASELINE);
  if (!base) return [];
  return task.optimizers
    .filter((own) => own !== base)
    .map((own) => {
      const { title, adaptive } = own;
      return { task: task.name, title, adaptive, ...judge(task, own, base) };
    });
}

function judgeConvergence(
  { every }: TaskResult,
  { convergence: own }: OptimizerResult,
  { convergence: base }: OptimizerResult,
): Judgement {
  const times = own.steps / base.steps;
  const ratio = Number.isFinite(times) && times > 0 ? `, ${times.toFixed(2)} times` : "";
  const text = `${stepsText(own.steps)} against ${stepsText(base.steps)} steps${ratio}`;
  if (own.steps === base.steps) return { outcome: Number.isFinite(own.steps) ? "same" : "open", text };
  if (Math.abs(own.steps - base.steps) <= every) return { outcome: "same", text };
  return { outcome: own.steps < base.steps ? "held" : "failed", text };
}

function judgeGeneralization(
  { metric }: TaskResult,
  { chosen: own }: OptimizerResult,
  { chosen: base }: OptimizerResult,
): Judgement {
  if (!own || !base) return { outcome: "open", text: "a trial diverged at every learning rate" };
  const { value, error } = differenceOf(own.test, base.test);
  const text = `${valueText(metric, own.test.mean)} against ${valueText(metric, base.test.mean)}, ${signedText(metric, value, error)}`;
  if (Number.isNaN(error))
    return { outcome: "open", text: `${text}; one seed tells no difference from luck` };
  const better = metric.score === "accuracy" ? value : -value;
  if (Math.abs(better) <= 2 * error) return { outcome: "same", text };
  return { outcome: better > 0 ? "held" : "failed", text };
}

function judgeRobustness(_: TaskResult, own: OptimizerResult, base: OptimizerResult): Judgement {
  const width = ({ usable }: OptimizerResult): number => usable?.decades ?? Number.NEGATIVE_INFINITY;
  const text = `${decadesText(own.usable)} against ${decadesText(base.usable)} decades`;
  if (!own.usable && !base.usable) return { outcome: "open", text };
  const difference = width(own) - width(base);
  const narrower = difference > 0 ? base.usable : own.usable;
  if (narrower?.openBelow || narrower?.openAbove)
    return { outcome: "open", text: `${text}, and the narrower one goes on beyond what was tried` };
  if (Math.abs(difference) < 0.01) return { outcome: "same", text }; // the rates are no exact half decades
  return { outcome: difference > 0 ? "held" : "failed", text };
}

function judgeSparse(task: TaskResult, own: OptimizerResult, base: OptimizerResult): Judgement {
  const both = [judgeConvergence(task, own, base), judgeGeneralization(task, own, base)];
  const text = both.map((judgement) => judgement.text).join("; ");
  const outcomes = both.map(({ outcome }) => outcome);
  if (outcomes.includes("failed")) return { outcome: "failed", text };
  if (outcomes.includes("held")) return { outcome: "held", text };
  return { outcome: outcomes.includes("open") ? "open" : "same", text };
}
