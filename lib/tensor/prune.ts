// Removes recorded operations whose results nobody needs.

import type { Node } from "./recorder.js";
import type { Memory } from "./tensor.js";

/** The nodes that external memory or one of `roots` depends on, in order. */
export function prune(nodes: readonly Node[], roots: Iterable<Memory>): Node[] {
  const needed = new Set<Memory>(roots);
  const kept: Node[] = [];
  for (const node of [...nodes].reverse()) {
    const writes = node.spans.filter((span) => span.kind !== "in");
    if (!writes.some(({ memory }) => memory.external !== undefined || needed.has(memory))) continue;
    for (const { memory } of node.spans) needed.add(memory);
    kept.push(node);
  }
  return kept.reverse();
}
