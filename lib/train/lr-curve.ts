// What the losses of a learning-rate range test say.

/** Learning rates that a curve points at. */
export interface LearningRateReading {
  /** The one to take: `steepest`, or a tenth of `minimum` if that is less. Undefined if the loss did not fall. */
  readonly suggestion: number | undefined;
  /** Where the loss fell fastest, by the slope of a line through the points around. Undefined if it did not fall. */
  readonly steepest: number | undefined;
  /** Where the smoothed loss was lowest; a training there is about to diverge. Undefined for an empty curve. */
  readonly minimum: number | undefined;
}

interface Point {
  readonly lr: number;
  readonly smoothed: number;
}

/** Half of the points around one through which its line goes, as a part of all: one batch's luck is no slope. */
const REACH = 0.04;

/** Reads a curve of growing learning rates. */
export function readCurve(curve: readonly Point[]): LearningRateReading {
  let lowest = 0;
  for (const [i, { smoothed }] of curve.entries())
    if (smoothed < (curve[lowest] as Point).smoothed) lowest = i;
  const minimum = curve[lowest]?.lr;
  const reach = Math.max(1, Math.round(REACH * curve.length));
  let steepest: { lr: number; slope: number } | undefined;
  for (let i = reach; i + reach < curve.length && i <= lowest; i++) {
    const slope = slopeOf(curve.slice(i - reach, i + reach + 1));
    if (slope < (steepest?.slope ?? 0)) steepest = { lr: (curve[i] as Point).lr, slope };
  }
  const suggestion = steepest && minimum !== undefined ? Math.min(steepest.lr, minimum / 10) : undefined;
  return { suggestion, steepest: steepest?.lr, minimum };
}

/** Of the line of least squares through (log lr, smoothed loss). */
function slopeOf(points: readonly Point[]): number {
  const xs = points.map(({ lr }) => Math.log(lr));
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const [x, y] = [mean(xs), mean(points.map(({ smoothed }) => smoothed))];
  let [products, squares] = [0, 0];
  for (const [i, { smoothed }] of points.entries()) {
    const distance = (xs[i] as number) - x;
    products += distance * (smoothed - y);
    squares += distance * distance;
  }
  return products / squares;
}
