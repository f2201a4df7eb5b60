// How the layers are said in ONNX that have their channels last here, and second there.

import type { Shape } from "../device/dtype.js";
import { AvgPool2d, Conv2d, MaxPool2d } from "../nn/convolution.js";
import { BatchNorm } from "../nn/norms.js";
import { checkConvolution, checkPool, type PoolOptions, type Size } from "../tensor/window.js";
import type { Graph, GraphValue } from "./onnx-graph.js";
import { made, type OnnxContext, type OnnxEntry, onnxExporter } from "./onnx-module.js";

/** The last axis second, and back: what nodes for images take is channels first. */
function channelsFirst(graph: Graph, x: GraphValue, body: (x: string) => string, shape: Shape): GraphValue {
  const rank = x.shape.length + 1;
  if (rank < 3) return made(body(x.name), shape);
  const middle = Array.from({ length: rank - 2 }, (_, i) => i + 1);
  const first = graph.node("Transpose", [x.name], { perm: [0, rank - 1, ...middle] });
  const back = [0, ...middle.map((axis) => axis + 1), 1];
  return made(graph.node("Transpose", [body(first)], { perm: back }), shape);
}

interface Windows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
}

const windowAttributes = ({ kernel, stride, padding }: Windows) => ({
  kernel_shape: kernel,
  strides: stride,
  pads: [...padding, ...padding],
});

/** The shape of an image's windows, with that many channels. */
function windowsOf(x: GraphValue, { kernel, stride, padding }: Windows, channels: number): Shape {
  const size = (axis: 0 | 1): number =>
    Math.floor(
      ((x.shape[axis] as number) + 2 * (padding[axis] as number) - (kernel[axis] as number)) /
        (stride[axis] as number),
    ) + 1;
  return [size(0), size(1), channels];
}

function pool(operator: "MaxPool" | "AveragePool", kernel: Size, options: PoolOptions) {
  const windows = checkPool(operator, kernel, options);
  const more = operator === "AveragePool" ? { count_include_pad: 1 } : {};
  return (x: GraphValue, { graph }: OnnxContext): GraphValue => {
    const body = (image: string): string =>
      graph.node(operator, [image], { ...windowAttributes(windows), ...more });
    return channelsFirst(graph, x, body, windowsOf(x, windows, x.shape[2] as number));
  };
}

function convolution(layer: Conv2d, x: GraphValue, { graph, parameter }: OnnxContext): GraphValue {
  const windows = { kernel: layer.weight.shape.slice(2), ...checkConvolution("Conv2d", layer.options) };
  const inputs = [layer.weight, ...(layer.bias ? [layer.bias] : [])].map(parameter);
  const body = (image: string): string => graph.node("Conv", [image, ...inputs], windowAttributes(windows));
  return channelsFirst(graph, x, body, windowsOf(x, windows, layer.outputs));
}

function batchNorm(layer: BatchNorm, x: GraphValue, { graph, parameter }: OnnxContext): GraphValue {
  const { weight, bias, runningMean, runningVariance, eps } = layer;
  const inputs = [weight, bias, runningMean, runningVariance].map(parameter);
  const attributes = { epsilon: { float: eps } };
  return channelsFirst(
    graph,
    x,
    (name) => graph.node("BatchNormalization", [name, ...inputs], attributes),
    x.shape,
  );
}

/** Convolution, pooling and batch normalisation. */
export const IMAGE_LAYERS: readonly OnnxEntry[] = [
  onnxExporter(Conv2d, convolution),
  onnxExporter(MaxPool2d, ({ kernel, options }, x, context) => pool("MaxPool", kernel, options)(x, context)),
  onnxExporter(AvgPool2d, ({ kernel, options }, x, context) =>
    pool("AveragePool", kernel, options)(x, context),
  ),
  onnxExporter(BatchNorm, batchNorm),
];
