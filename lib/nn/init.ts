// Initial values of parameters.

import type { DeviceBuffer } from "../device/buffer.js";
import { fillNormal, fillUniform, type RandomKey } from "../device/random.js";

/** Writes the initial value of a parameter. */
export type Initializer = (value: DeviceBuffer<"f32">, key: RandomKey) => void;

/** Uniform in [-bound, bound). */
export const uniform =
  (bound: number): Initializer =>
  (value, key) =>
    fillUniform(value, -bound, bound, key);

/** Normal, mean 0. */
export const normal =
  (deviation: number): Initializer =>
  (value, key) =>
    fillNormal(value, 0, deviation, key);

/** The same number everywhere. */
export const constant =
  (number: number): Initializer =>
  (value) =>
    value.fill(number);

/**
 * Uniform with bound 1 / sqrt(fanIn): what torch.nn.Linear draws its weight and bias from (He et al. 2015 with the gain
 * of a leaky ReLU of slope sqrt(5)).
 */
export const fanInUniform = (fanIn: number): Initializer => uniform(fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0);
