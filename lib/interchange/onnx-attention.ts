// How self-attention is said in ONNX.

import type { MultiHeadAttention } from "../nn/attention.js";
import type { GraphValue } from "./onnx-graph.js";
import { affineMap, made, type OnnxContext } from "./onnx-module.js";

/** -Infinity where a position would see a later one. */
function causalMask(positions: number): Float32Array {
  return new Float32Array(positions * positions).map((_, i) =>
    i % positions > Math.floor(i / positions) ? Number.NEGATIVE_INFINITY : 0,
  );
}

/** softmax(q k^T / sqrt(d)) v by heads, between two matrix products. */
export function selfAttention(layer: MultiHeadAttention, x: GraphValue, context: OnnxContext): GraphValue {
  const { graph } = context;
  const { dim, heads, causal } = layer;
  const positions = x.shape[0] as number;
  const projected = affineMap(context, x, layer.projection, layer.bias);
  const [q, k, v] = graph.split(projected.name, 3).map((part, i) => {
    const apart = graph.node("Reshape", [part, graph.list([0, positions, heads, dim / heads])]);
    return graph.node("Transpose", [apart], { perm: i === 1 ? [0, 2, 3, 1] : [0, 2, 1, 3] });
  }) as [string, string, string];
  const scaled = graph.node("Mul", [q, graph.number(1 / Math.sqrt(dim / heads))]);
  const scores = graph.node("MatMul", [scaled, k]);
  const seen = (): string =>
    graph.constant(`causal:${positions}`, [positions, positions], causalMask(positions));
  const shares = graph.node("Softmax", [causal ? graph.node("Add", [scores, seen()]) : scores], { axis: -1 });
  const mixed = graph.node("Transpose", [graph.node("MatMul", [shares, v])], { perm: [0, 2, 1, 3] });
  const joined = made(graph.node("Reshape", [mixed, graph.list([0, positions, dim])]), x.shape);
  return affineMap(context, joined, layer.output.weight, layer.output.bias);
}
