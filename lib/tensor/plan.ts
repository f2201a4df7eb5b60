// The memory plan: offsets in one arena for every planned block, reused when lifetimes do not overlap.

import type { Node } from "./recorder.js";
import type { Memory } from "./tensor.js";

const ALIGNMENT = 256;

interface Lifetime {
  readonly memory: Memory;
  readonly bytes: number;
  readonly first: number;
  last: number;
}

/** Where each planned block is, and how many bytes they take together. */
export interface Plan {
  readonly offsets: ReadonlyMap<Memory, number>;
  readonly bytes: number;
  /** What the blocks would take without reuse. */
  readonly unsharedBytes: number;
}

function lifetimesOf(
  nodes: readonly Node[],
  inputs: Iterable<Memory>,
  outputs: Iterable<Memory>,
): Lifetime[] {
  const lifetimes = new Map<Memory, Lifetime>();
  const touch = (memory: Memory, time: number): void => {
    if (memory.external !== undefined) return;
    const known = lifetimes.get(memory);
    if (known) known.last = Math.max(known.last, time);
    else {
      const bytes = Math.ceil(memory.bytes / ALIGNMENT) * ALIGNMENT;
      lifetimes.set(memory, { memory, bytes, first: time, last: time });
    }
  };
  for (const memory of inputs) touch(memory, -1);
  nodes.forEach((node, time) => {
    for (const { memory } of node.spans) touch(memory, time);
  });
  for (const memory of outputs) touch(memory, nodes.length);
  return [...lifetimes.values()];
}

/**
 * Places blocks greedily, the largest first, each in the lowest gap that is free during its whole lifetime. Inputs live
 * from before the first node, outputs until after the last.
 */
export function plan(nodes: readonly Node[], inputs: Iterable<Memory>, outputs: Iterable<Memory>): Plan {
  const lifetimes = lifetimesOf(nodes, inputs, outputs);
  const placed: (Lifetime & { offset: number })[] = [];
  const offsets = new Map<Memory, number>();
  for (const block of lifetimes.sort((a, b) => b.bytes - a.bytes)) {
    const rivals = placed.filter((other) => other.first <= block.last && block.first <= other.last);
    let offset = 0;
    for (const rival of rivals.sort((a, b) => a.offset - b.offset)) {
      if (offset + block.bytes <= rival.offset) break;
      offset = Math.max(offset, rival.offset + rival.bytes);
    }
    placed.push({ ...block, offset });
    offsets.set(block.memory, offset);
  }
  return {
    offsets,
    bytes: placed.reduce((most, block) => Math.max(most, block.offset + block.bytes), 0),
    unsharedBytes: placed.reduce((sum, block) => sum + block.bytes, 0),
  };
}
