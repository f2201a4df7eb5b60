// How each layer is said in ONNX: a table of modules, and the nodes that stand for them.

import { MultiHeadAttention } from "../nn/attention.js";
import { Embedding, EmbeddingBag } from "../nn/embedding.js";
import { Dropout, Linear, Sequential } from "../nn/layers.js";
import { LayerNorm, RMSNorm } from "../nn/norms.js";
import { selfAttention } from "./onnx-attention.js";
import type { GraphValue } from "./onnx-graph.js";
import { IMAGE_LAYERS } from "./onnx-images.js";
import { affineMap, made, type OnnxContext, type OnnxExporter, onnxExporter } from "./onnx-module.js";

function rmsNorm({ weight, eps }: RMSNorm, x: GraphValue, { graph, parameter }: OnnxContext): GraphValue {
  const squares = graph.node("Mul", [x.name, x.name]);
  const mean = graph.node("ReduceMean", [squares], { axes: [-1], keepdims: 1 });
  const root = graph.node("Sqrt", [graph.node("Add", [mean, graph.number(eps)])]);
  return made(graph.node("Mul", [graph.node("Div", [x.name, root]), parameter(weight)]), x.shape);
}

function bag(layer: EmbeddingBag, x: GraphValue, { graph, parameter }: OnnxContext): GraphValue {
  const rows = graph.node("Gather", [parameter(layer.weight), x.name]);
  const reduced =
    layer.mode === "mean"
      ? graph.node("ReduceMean", [rows], { axes: [1], keepdims: 0 })
      : graph.node("ReduceSum", [rows, graph.list([1])], { keepdims: 0 });
  return made(reduced, [layer.dim]);
}

/** By class, and that class alone: a subclass may have a `forward` of its own. */
export const MODULES: ReadonlyMap<unknown, OnnxExporter> = new Map([
  onnxExporter(Sequential, ({ layers }, x, { layer }, path) =>
    layers.reduce<GraphValue>((h, each, i) => layer(each, path === "" ? `${i}` : `${path}.${i}`, h), x),
  ),
  onnxExporter(Linear, ({ weight, bias }, x, context) => affineMap(context, x, weight, bias)),
  onnxExporter(Dropout, (_, x) => x), // outside of training
  ...IMAGE_LAYERS,
  onnxExporter(LayerNorm, ({ weight, bias, eps }, x, { graph, parameter }) => {
    const inputs = [x.name, parameter(weight), parameter(bias)];
    return made(graph.node("LayerNormalization", inputs, { axis: -1, epsilon: { float: eps } }), x.shape);
  }),
  onnxExporter(RMSNorm, rmsNorm),
  onnxExporter(Embedding, ({ weight, dim }, x, { graph, parameter }) =>
    made(graph.node("Gather", [parameter(weight), x.name]), [...x.shape, dim]),
  ),
  onnxExporter(EmbeddingBag, bag),
  onnxExporter(MultiHeadAttention, selfAttention),
]);
