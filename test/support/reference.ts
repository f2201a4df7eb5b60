// Plain references in double precision on nested-free arrays: shape and data. Written from the definitions.

export interface Array_ {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export const count = (shape: readonly number[]): number => shape.reduce((p, d) => p * d, 1);

/** The multi-index of a place in a contiguous array. */
function unravel(place: number, shape: readonly number[]): number[] {
  const index = new Array<number>(shape.length).fill(0);
  for (let i = shape.length - 1, rest = place; i >= 0; i--) {
    index[i] = rest % (shape[i] as number);
    rest = Math.floor(rest / (shape[i] as number));
  }
  return index;
}

const ravel = (index: readonly number[], shape: readonly number[]): number =>
  index.reduce((place, i, axis) => place * (shape[axis] as number) + i, 0);

const build = (shape: readonly number[], f: (index: number[]) => number): Array_ => ({
  shape,
  data: Array.from({ length: count(shape) }, (_, place) => f(unravel(place, shape))),
});

export const map = (x: Array_, f: (v: number) => number): Array_ => ({ shape: x.shape, data: x.data.map(f) });

/** NumPy broadcasting. */
export function zip(a: Array_, b: Array_, f: (a: number, b: number) => number): Array_ {
  const rank = Math.max(a.shape.length, b.shape.length);
  const padded = (s: readonly number[]) => [...new Array<number>(rank - s.length).fill(1), ...s];
  const [sa, sb] = [padded(a.shape), padded(b.shape)];
  const shape = sa.map((d, i) => (d === 1 ? (sb[i] as number) : d));
  const pick = (x: Array_, s: readonly number[], index: readonly number[]) =>
    x.data[
      ravel(
        index.map((i, axis) => (s[axis] === 1 ? 0 : i)),
        s,
      )
    ] as number;
  return build(shape, (index) => f(pick(a, sa, index), pick(b, sb, index)));
}

export function transpose(x: Array_, order: readonly number[]): Array_ {
  return build(
    order.map((axis) => x.shape[axis] as number),
    (index) => {
      const source = new Array<number>(index.length);
      order.forEach((axis, i) => {
        source[axis] = index[i] as number;
      });
      return x.data[ravel(source, x.shape)] as number;
    },
  );
}

export function matmul(a: Array_, b: Array_, transA: boolean, transB: boolean): Array_ {
  const batch = a.shape.length > 2 ? a.shape.slice(0, -2) : b.shape.slice(0, -2);
  const at = (x: Array_, lead: readonly number[], i: number, j: number, trans: boolean) => {
    const place = trans ? [j, i] : [i, j];
    return x.data[ravel(x.shape.length > 2 ? [...lead, ...place] : place, x.shape)] as number;
  };
  const [rows, cols] = [a.shape.at(transA ? -1 : -2) as number, b.shape.at(transB ? -2 : -1) as number];
  const inner = a.shape.at(transA ? -2 : -1) as number;
  return build([...batch, rows, cols], (index) => {
    const [lead, i, j] = [index.slice(0, -2), index.at(-2) as number, index.at(-1) as number];
    let total = 0;
    for (let k = 0; k < inner; k++) total += at(a, lead, i, k, transA) * at(b, lead, k, j, transB);
    return total;
  });
}

export function linear(x: Array_, w: Array_, b?: Array_): Array_ {
  const flat = reshape(x, [count(x.shape.slice(0, -1)), x.shape.at(-1) as number]);
  const y = matmul(flat, w, false, true);
  return reshape(b ? zip(y, b, (p, q) => p + q) : y, [...x.shape.slice(0, -1), w.shape[0] as number]);
}

export const reshape = (x: Array_, shape: readonly number[]): Array_ => ({ shape, data: x.data });

/** Sums over the axes, times scale; the axes go. */
export function reduce(x: Array_, axes: readonly number[], scale: number): Array_ {
  const keep = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const shape = keep.map((i) => x.shape[i] as number);
  const data = new Array<number>(count(shape)).fill(0);
  x.data.forEach((v, place) => {
    const index = unravel(place, x.shape);
    const target = ravel(
      keep.map((i) => index[i] as number),
      shape,
    );
    data[target] = (data[target] as number) + v * scale;
  });
  return { shape, data };
}

/** A function of each row of the last axis. */
export function rows(x: Array_, f: (row: number[]) => number[]): Array_ {
  const cols = x.shape.at(-1) as number;
  return {
    shape: x.shape,
    data: Array.from({ length: x.data.length / cols }, (_, r) =>
      f(x.data.slice(r * cols, (r + 1) * cols)),
    ).flat(),
  };
}

export function softmax(row: number[]): number[] {
  const top = Math.max(...row);
  const e = row.map((v) => Math.exp(v - top));
  const total = e.reduce((s, v) => s + v, 0);
  return e.map((v) => v / total);
}

export function layerNorm(
  x: Array_,
  gamma: Array_ | undefined,
  beta: Array_ | undefined,
  eps: number,
): Array_ {
  return rows(x, (row) => {
    const mean = row.reduce((s, v) => s + v, 0) / row.length;
    const variance = row.reduce((s, v) => s + (v - mean) ** 2, 0) / row.length;
    return row.map(
      (v, j) => ((v - mean) / Math.sqrt(variance + eps)) * (gamma?.data[j] ?? 1) + (beta?.data[j] ?? 0),
    );
  });
}

export function slice(x: Array_, axis: number, start: number, end: number): Array_ {
  return build(
    x.shape.map((d, i) => (i === axis ? end - start : d)),
    (index) =>
      x.data[
        ravel(
          index.map((v, i) => (i === axis ? v + start : v)),
          x.shape,
        )
      ] as number,
  );
}

export function concat(parts: readonly (Array_ | undefined)[], axis: number): Array_ {
  const present = parts.filter((part) => part !== undefined);
  const first = present[0] as Array_;
  const total = present.reduce((s, part) => s + (part.shape[axis] as number), 0);
  return build(
    first.shape.map((d, i) => (i === axis ? total : d)),
    (index) => {
      let at = index[axis] as number;
      for (const part of present) {
        const size = part.shape[axis] as number;
        if (at < size)
          return part.data[
            ravel(
              index.map((v, i) => (i === axis ? at : v)),
              part.shape,
            )
          ] as number;
        at -= size;
      }
      throw new Error("out of range");
    },
  );
}

export function embedding(table: Array_, indices: Array_ | undefined): Array_ {
  const dim = table.shape[1] as number;
  const chosen = indices as Array_;
  return {
    shape: [...chosen.shape, dim],
    data: chosen.data.flatMap((row) => table.data.slice(row * dim, (row + 1) * dim)),
  };
}

export function crossEntropy(logits: Array_, labels: Array_ | undefined): Array_ {
  const cols = logits.shape[1] as number;
  const data = (labels as Array_).data.map(
    (label, r) => -Math.log(softmax(logits.data.slice(r * cols, (r + 1) * cols))[label] as number),
  );
  return { shape: (labels as Array_).shape, data };
}

/** The error function by its Taylor series, which converges to double precision for |x| <= 3. */
export function erf(x: number): number {
  let [term, total] = [x, x];
  for (let n = 1; n < 80; n++) {
    term *= (-x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}
