// How functions of a tensor are said in ONNX.

import { abs, exp, gelu, log, neg, relu, sigmoid, silu, sqrt, square, tanh } from "../tensor/elementwise.js";
import { flatten } from "../tensor/shape.js";
import { logSoftmax, softmax } from "../tensor/softmax.js";
import type { Graph, GraphValue } from "./onnx-graph.js";
import { made } from "./onnx-module.js";

type FunctionExporter = (x: GraphValue, graph: Graph) => GraphValue;

/** One node, or `f` of several, whose result has the shape of the argument. */
const alike =
  (f: string | ((x: string, graph: Graph) => string)): FunctionExporter =>
  (x, graph) =>
    made(typeof f === "string" ? graph.node(f, [x.name]) : f(x.name, graph), x.shape);

/** Functions that may be layers of a `Sequential`. */
export const FUNCTIONS: ReadonlyMap<unknown, FunctionExporter> = new Map<unknown, FunctionExporter>([
  [relu, alike("Relu")],
  [tanh, alike("Tanh")],
  [sigmoid, alike("Sigmoid")],
  [sqrt, alike("Sqrt")],
  [abs, alike("Abs")],
  [exp, alike("Exp")],
  [log, alike("Log")],
  [neg, alike("Neg")],
  [square, alike((x, graph) => graph.node("Mul", [x, x]))],
  [silu, alike((x, graph) => graph.node("Mul", [x, graph.node("Sigmoid", [x])]))],
  [
    gelu, // x / 2 * (1 + erf(x / sqrt 2)): opset 17 has no Gelu
    alike((x, graph) => {
      const erf = graph.node("Erf", [graph.node("Mul", [x, graph.number(Math.SQRT1_2)])]);
      const half = graph.node("Mul", [x, graph.number(0.5)]);
      return graph.node("Mul", [half, graph.node("Add", [erf, graph.number(1)])]);
    }),
  ],
  [softmax, alike((x, graph) => graph.node("Softmax", [x], { axis: -1 }))],
  [logSoftmax, alike((x, graph) => graph.node("LogSoftmax", [x], { axis: -1 }))],
  [
    flatten,
    ({ name, shape, dtype }, graph) => {
      const size = shape.reduce((product, each) => product * each, 1);
      return { name: graph.node("Reshape", [name, graph.list([-1, size])]), shape: [size], dtype };
    },
  ],
]);
