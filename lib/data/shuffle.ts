// Seeded order: which example comes when, as a pure function of seed and epoch, the same on every machine.

import { checkInteger } from "../check.js";
import { philox } from "./philox.js";

/** Philox streams of this folder, so that a split and an epoch with one seed have nothing in common. */
const STREAMS = { shuffle: 0x73687566, split: 0x73706c74, buffer: 0x62756666 } as const;

/** What a permutation depends on, beside its size. */
export interface OrderKey {
  /** Integer from 0 below 2^53. */
  readonly seed: number;
  /** Integer from 0 below 2^32. Default 0. */
  readonly epoch?: number;
  /** What the order is for; each use has numbers of its own. Default "shuffle". */
  readonly use?: keyof typeof STREAMS;
}

/** Uniform in [0, 1), a multiple of 2^-53, from two 32-bit words. */
const uniform = (high: number, low: number): number => ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;

/** Draw `index` of a seed and an epoch: an integer from 0 below `below`, for use in a buffer that shuffles. */
export function draw(index: number, below: number, { seed, epoch = 0 }: OrderKey): number {
  const [a, b, c, d] = philox(seed, Math.floor(index / 2), STREAMS.buffer, epoch);
  return Math.floor((index % 2 === 0 ? uniform(a, b) : uniform(c, d)) * below);
}

/**
 * A random permutation of 0 ... size - 1: Fisher and Yates' shuffle in Durstenfeld's form (1964), exchange i drawing its
 * number from Philox counter i / 2. Every permutation is as likely as the 53-bit numbers allow.
 *
 * @throws ArgumentError if the size is no integer from 0 to 2^32 - 1, or a key is out of range.
 */
export function permutation(size: number, { seed, epoch = 0, use = "shuffle" }: OrderKey): Uint32Array {
  checkInteger("permutation: 'size'", size, 0, 2 ** 32 - 1);
  checkInteger("permutation: 'seed'", seed, 0);
  checkInteger("permutation: 'epoch'", epoch, 0, 2 ** 32 - 1);
  const order = Uint32Array.from({ length: size }, (_, i) => i);
  for (let pair = Math.floor((size - 1) / 2); pair >= 0; pair--) {
    const [a, b, c, d] = philox(seed, pair, STREAMS[use], epoch);
    const odd = 2 * pair + 1;
    if (odd < size) exchange(order, odd, Math.floor(uniform(c, d) * (odd + 1)));
    exchange(order, odd - 1, Math.floor(uniform(a, b) * odd));
  }
  return order;
}

function exchange(order: Uint32Array, i: number, j: number): void {
  const held = order[i] as number;
  order[i] = order[j] as number;
  order[j] = held;
}
