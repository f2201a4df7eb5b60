// What the trials of a sweep say about each optimizer.

/** What trials are compared by. */
export type Score = "accuracy" | "loss";

/** A trial that has run. */
export interface TrialResult<N extends string = string> {
  readonly optimizer: N;
  readonly lr: number;
  readonly seed: number;
  readonly loss: number;
  readonly accuracy?: number;
}

/** An optimizer with one learning rate, over the seeds. */
export interface SweepPoint {
  readonly lr: number;
  /** In the order of the trials. */
  readonly scores: readonly number[];
  /** NaN if a trial diverged. */
  readonly mean: number;
  /** Standard deviation of a seed's score (of a sample: n - 1 in the denominator); NaN for one seed. */
  readonly spread: number;
}

/** Learning rates that need no tuning between them. */
export interface UsableRange {
  readonly from: number;
  readonly to: number;
  /** log10(to / from): 0 for a single learning rate. */
  readonly decades: number;
}

/** How sensitive an optimizer is to its learning rate. */
export interface OptimizerSummary<N extends string = string> {
  readonly optimizer: N;
  /** By growing learning rate. */
  readonly points: readonly SweepPoint[];
  /** That of the best mean; undefined if every point has a trial that diverged. */
  readonly best: SweepPoint | undefined;
  /**
   * The learning rates around the best one whose means are all within the tolerance of the best mean of all optimizers, so that
   * ranges compare. Undefined if its own best is not.
   */
  readonly usable: UsableRange | undefined;
}

/** Sums up trials by optimizer, in the order of their first trials. */
export function summarizeSweep<N extends string>(
  trials: readonly TrialResult<N>[],
  { score, tolerance }: { readonly score: Score; readonly tolerance: number },
): OptimizerSummary<N>[] {
  const sign = score === "accuracy" ? 1 : -1; // so that more is better
  const optimizers = [...new Set(trials.map(({ optimizer }) => optimizer))].map((optimizer) => {
    const points = pointsOf(
      trials.filter((trial) => trial.optimizer === optimizer),
      score,
    );
    return { optimizer, points, best: bestOf(points, sign) };
  });
  const top = Math.max(...optimizers.map(({ best }) => (best ? sign * best.mean : Number.NEGATIVE_INFINITY)));
  return optimizers.map((own) => {
    const fits = ({ mean }: SweepPoint): boolean => sign * mean >= top - tolerance;
    return { ...own, usable: own.best && rangeAround(own.best, own.points, fits) };
  });
}

function pointsOf(trials: readonly TrialResult[], score: Score): SweepPoint[] {
  const lrs = [...new Set(trials.map(({ lr }) => lr))].sort((a, b) => a - b);
  return lrs.map((lr) => {
    const scores = trials.filter((trial) => trial.lr === lr).map((trial) => trial[score] ?? Number.NaN);
    const finite = scores.every(Number.isFinite);
    const mean = finite ? scores.reduce((a, b) => a + b, 0) / scores.length : Number.NaN;
    const squares = scores.reduce((total, value) => total + (value - mean) ** 2, 0);
    return { lr, scores, mean, spread: Math.sqrt(squares / (scores.length - 1)) };
  });
}

/** Of equals the first: the smaller learning rate. */
function bestOf(points: readonly SweepPoint[], sign: number): SweepPoint | undefined {
  let best: SweepPoint | undefined;
  for (const point of points) {
    if (Number.isNaN(point.mean)) continue;
    if (!best || sign * point.mean > sign * best.mean) best = point;
  }
  return best;
}

function rangeAround(
  best: SweepPoint,
  points: readonly SweepPoint[],
  fits: (point: SweepPoint) => boolean,
): UsableRange | undefined {
  if (!fits(best)) return undefined;
  let [low, high] = [points.indexOf(best), points.indexOf(best)];
  const fitsAt = (place: number): boolean => {
    const point = points[place];
    return point !== undefined && fits(point);
  };
  while (fitsAt(low - 1)) low -= 1;
  while (fitsAt(high + 1)) high += 1;
  const [from, to] = [points[low]?.lr ?? best.lr, points[high]?.lr ?? best.lr];
  return { from, to, decades: Math.log10(to / from) };
}
