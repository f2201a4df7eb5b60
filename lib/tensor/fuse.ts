// Fusion: an activation that is the only reader of a gemm moves into the gemm's epilogue.

import type { Node, Span } from "./recorder.js";
import type { Memory } from "./tensor.js";

const ACTIVATIONS = new Set(["relu", "gelu", "tanh", "sigmoid"]);

function spanOf(node: Node, field: string): Span | undefined {
  return node.spans.find((span) => span.field === field);
}

/** How many spans of the list read each memory. */
function countReads(nodes: readonly Node[]): Map<Memory, number> {
  const reads = new Map<Memory, number>();
  for (const node of nodes) {
    for (const { kind, memory } of node.spans)
      if (kind !== "out") reads.set(memory, (reads.get(memory) ?? 0) + 1);
  }
  return reads;
}

/** The list with activations fused; `roots` are read after it. Changes the nodes that it fuses. */
export function fuse(nodes: readonly Node[], roots: ReadonlySet<Memory>): Node[] {
  const reads = countReads(nodes);
  const producers = new Map<Memory, Node>();
  const result: Node[] = [];
  for (const node of nodes) {
    const input = spanOf(node, "x");
    const out = spanOf(node, "y");
    const gemm = input && producers.get(input.memory);
    const fusible =
      gemm &&
      out &&
      node.op.name === "unary" &&
      ACTIVATIONS.has(String(node.fields.fn)) &&
      gemm.fields.activation === "none";
    if (
      fusible &&
      input.memory.external === undefined &&
      reads.get(input.memory) === 1 &&
      !roots.has(input.memory)
    ) {
      gemm.fields.activation = node.fields.fn;
      gemm.spans = gemm.spans.map((span) => (span.field === "c" ? { ...out, field: "c" } : span));
      continue;
    }
    const c = node.op.name === "gemm" ? spanOf(node, "c") : undefined;
    if (c) producers.set(c.memory, node);
    result.push(node);
  }
  return result;
}
