// Seeded random numbers on a device: a pure function of seed and stream, the same on every device.

import type { DeviceBuffer } from "./buffer.js";

/** Which numbers: `seed` of the run, `stream` of the use. */
export interface RandomKey {
  readonly seed: number;
  readonly stream: number;
}

/** Fills a buffer with numbers uniform in [low, high). */
export function fillUniform(
  buffer: DeviceBuffer<"f32">,
  low: number,
  high: number,
  { seed, stream }: RandomKey,
): void {
  if (buffer.length === 0) return;
  buffer.device.run("random", {
    kind: "uniform",
    seed,
    stream,
    n: buffer.length,
    a: low,
    b: high,
    y: buffer,
  });
}

/** Fills a buffer with normal numbers of that mean and standard deviation. */
export function fillNormal(
  buffer: DeviceBuffer<"f32">,
  mean: number,
  deviation: number,
  { seed, stream }: RandomKey,
): void {
  if (buffer.length === 0) return;
  buffer.device.run("random", {
    kind: "normal",
    seed,
    stream,
    n: buffer.length,
    a: mean,
    b: deviation,
    y: buffer,
  });
}
