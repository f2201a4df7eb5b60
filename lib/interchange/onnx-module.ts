// What the export of a module to ONNX is made of: its context, the function that does it, and a matrix product.

import type { Shape } from "../device/dtype.js";
import type { Declared, Module } from "../nn/module.js";
import type { Graph, GraphValue } from "./onnx-graph.js";

/** What exporters work with. */
export interface OnnxContext {
  readonly graph: Graph;
  /** The name of a parameter as a constant of the graph. */
  parameter(declared: Declared): string;
  /** Exports a module or a function, called `path` in messages, on a value. */
  layer(layer: unknown, path: string, x: GraphValue): GraphValue;
}

/** Adds the nodes of a module that is applied to `x`; the result is its output. */
export type OnnxExporter<M extends Module = Module> = (
  module: M,
  x: GraphValue,
  context: OnnxContext,
  path: string,
) => GraphValue;

/** The class of modules, whatever its constructor takes. */
type ModuleClass<M extends Module> = abstract new (...given: never[]) => M;

/** A class of modules and its exporter. */
export type OnnxEntry = readonly [type: unknown, exporter: OnnxExporter];

/** How modules of a class of one's own are exported: for `exporters` of `exportOnnx`. */
export function onnxExporter<M extends Module>(type: ModuleClass<M>, exporter: OnnxExporter<M>): OnnxEntry {
  return [type, exporter as unknown as OnnxExporter]; // it is given modules of that class alone
}

/** A value that a node has made: f32. */
export const made = (name: string, shape: Shape): GraphValue => ({ name, shape, dtype: "f32" });

/** x [batch, ..., inputs] times weight [outputs, inputs] transposed, plus bias. */
export function affineMap(
  { graph, parameter }: OnnxContext,
  x: GraphValue,
  weight: Declared,
  bias: Declared | undefined,
): GraphValue {
  const shape = [...x.shape.slice(0, -1), weight.shape[0] as number];
  const rest = bias ? [parameter(bias)] : [];
  if (shape.length === 1)
    return made(graph.node("Gemm", [x.name, parameter(weight), ...rest], { transB: 1 }), shape);
  const matrix = graph.node("Transpose", [parameter(weight)], { perm: [1, 0] });
  const product = graph.node("MatMul", [x.name, matrix]);
  return made(bias ? graph.node("Add", [product, ...rest]) : product, shape);
}
