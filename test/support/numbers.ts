// Numbers for tests: seeded, so that a failure repeats.

/** A small generator (mulberry32): uniform in [0, 1). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `length` f32 numbers uniform in [low, high). */
export function floats(seed: number, length: number, low = -1, high = 1): Float32Array {
  const next = random(seed);
  return Float32Array.from({ length }, () => low + (high - low) * next());
}

/** The largest |a - b| / (1 + |b|); NaN equals NaN. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    if (Object.is(x, y) || x === y) continue;
    const d = Math.abs(x - y) / (1 + Math.abs(y));
    worst = Math.max(worst, Number.isNaN(d) ? Number.POSITIVE_INFINITY : d);
  }
  return worst;
}
