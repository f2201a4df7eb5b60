// Points of a curve, of which there may be any number: beyond a limit they are thinned out as they come.

/** A point of a curve; `step` and `seconds` are two ways to say when. */
export interface Point {
  readonly step: number;
  readonly seconds: number;
  readonly value: number;
}

/** More than a chart has pixels for, and little memory. */
const MOST = 1200;

/** A curve. Of each pair of neighbours that has to become one, the point that is further from the last one kept stays: peaks do. */
export class Series {
  #points: Point[] = [];
  /** Of how many points one is kept. */
  #every = 1;
  #pending: Point[] = [];

  get points(): readonly Point[] {
    return this.#pending.length > 0 ? [...this.#points, this.#farthest()] : this.#points;
  }

  get last(): Point | undefined {
    return this.#pending.at(-1) ?? this.#points.at(-1);
  }

  add(point: Point): void {
    this.#pending.push(point);
    if (this.#pending.length < this.#every) return;
    this.#points.push(this.#farthest());
    this.#pending = [];
    if (this.#points.length < MOST) return;
    const all = this.#points;
    this.#points = [];
    for (let i = 0; i < all.length; i += 2) this.#points.push(this.#farthest(all.slice(i, i + 2)));
    this.#every *= 2;
  }

  #farthest(points: readonly Point[] = this.#pending): Point {
    const before = this.#points.at(-1)?.value ?? Number.NaN;
    const distance = ({ value }: Point): number =>
      Number.isFinite(value) ? Math.abs(value - before) || 0 : Number.POSITIVE_INFINITY;
    return points.reduce((best, point) => (distance(point) > distance(best) ? point : best));
  }
}

/** Curves by name, in the order in which they came. */
export class NamedSeries {
  readonly #series = new Map<string, Series>();

  add(name: string, point: Point): void {
    let series = this.#series.get(name);
    if (!series) {
      series = new Series();
      this.#series.set(name, series);
    }
    series.add(point);
  }

  get entries(): readonly (readonly [name: string, series: Series])[] {
    return [...this.#series];
  }

  get(name: string): Series | undefined {
    return this.#series.get(name);
  }
}

/**
 * The mean around each point, over about 2 `half` + 1 of them: as many on both sides at the start, where curves are steep, and those
 * that there are at the end. As a chart shows them: on a logarithmic axis, of values above 0, the mean of the logarithms, since a
 * mean of the values is that of the largest alone.
 */
export function smoothed(points: readonly Point[], half: number, log: boolean): Point[] {
  const [there, back] = log ? [Math.log, Math.exp] : [identity, identity];
  return points.map((point, i) => {
    if (!Number.isFinite(point.value)) return point;
    const reach = Math.min(Math.round(half), i);
    const values = points
      .slice(i - reach, i + reach + 1)
      .map(({ value }) => value)
      .filter(Number.isFinite);
    const mean = back(values.reduce((sum, value) => sum + there(value), 0) / values.length);
    // Rounding may lead out of the values.
    return { ...point, value: Math.min(Math.max(mean, Math.min(...values)), Math.max(...values)) };
  });
}

const identity = (value: number): number => value;
