// Export of models to ONNX (onnx.ai): files that other runtimes evaluate.

import { checkKeys, checkNumber, given } from "../check.js";
import { writeFileAtomically } from "../data/files.js";
import { dryDevice } from "../device/dry.js";
import { checkShape, type Shape, sameShape } from "../device/dtype.js";
import { ArgumentError, DTypeError, describe, ShapeError } from "../errors.js";
import { type Declared, Module } from "../nn/module.js";
import { f32, type InputSpec, i32 } from "../tensor/inputs.js";
import { describeModel } from "../train/describe.js";
import { packageVersion } from "../train/version.js";
import { FUNCTIONS } from "./onnx-functions.js";
import { Graph, type GraphValue, INPUT, OUTPUT } from "./onnx-graph.js";
import { MODULES } from "./onnx-layers.js";
import type { OnnxContext, OnnxEntry, OnnxExporter } from "./onnx-module.js";

/** Options of `exportOnnx`. */
export interface OnnxOptions {
  /** The model's input for ONE example: `f32(28, 28, 1)`, `i32(16)`, `i32()` for a number each. The batch is left open. */
  readonly input: InputSpec<"f32" | "i32">;
  /** As in the trainer's options: a factor on f32 inputs, which the file then applies. Default 1. */
  readonly inputScale?: number;
  /** How modules of one's own are said in ONNX; they come before those that are known. */
  readonly exporters?: readonly OnnxEntry[];
}

/**
 * Writes a model as an ONNX file (opset 17) with one input, "input", one output, "output", and a batch of any size. Dropout
 * is off, and batch normalisation takes its running statistics. Parameters keep their names, but for an underscore after one that
 * is taken: "input", "output". The layers of this package and the functions that are passed as they are (`relu`, not
 * `(x) => relu(x)`) are known, in any nesting of `Sequential`; images stay [batch, height, width, channels].
 *
 * ```ts
 * await exportOnnx(model, "digits.onnx", { input: f32(64) });
 * ```
 *
 * @throws ArgumentError (rejects) naming the layer that cannot be exported, ShapeError for an input that the model does not take,
 *   DataError if the file cannot be written
 */
export async function exportOnnx(model: Module, path: string, options: OnnxOptions): Promise<void> {
  await writeFileAtomically(path, await encodeOnnx(model, options));
}

/** The content of the file that `exportOnnx` writes, in chunks. */
export async function encodeOnnx(model: Module, options: OnnxOptions): Promise<Uint8Array[]> {
  if (!(model instanceof Module)) {
    throw new ArgumentError({ argument: "exportOnnx: 'model'", got: describe(model), accepted: "a Module" });
  }
  checkKeys("exportOnnx", options, ["input", "inputScale", "exporters"]);
  const { shape, dtype } = checkInput(options.input);
  const scale = checkScale(options.inputScale, dtype);
  const expected = outputShape(model, shape, dtype);
  const state = await model.state();
  const graph = new Graph();
  const modules = new Map([...MODULES, ...(options.exporters ?? [])]);
  const context: OnnxContext = {
    graph,
    parameter: parametersOf(model, state, graph),
    layer: (layer, at, x) => exportLayer(layer, at, x, context, modules),
  };
  const input: GraphValue = { name: INPUT, shape, dtype };
  const scaled = scale === 1 ? input : { ...input, name: graph.node("Mul", [INPUT, graph.number(scale)]) };
  const last = context.layer(model, "", scaled);
  checkOutput(last, expected);
  const output = { ...last, name: graph.node("Identity", [last.name], {}, OUTPUT) };
  const about = { producer: "adastep", version: packageVersion(), doc: describeModel(model) };
  return graph.encode({ ...about, input, output });
}

function checkInput(input: unknown): InputSpec<"f32" | "i32"> {
  const { shape, dtype } = (typeof input === "object" && input !== null ? input : {}) as Partial<
    InputSpec<"f32" | "i32">
  >;
  if (shape === undefined || dtype === undefined || !["f32", "i32"].includes(dtype)) {
    const accepted = "one example: f32(...) or i32(...)";
    throw new ArgumentError({ argument: "exportOnnx: 'input'", got: describe(input), accepted });
  }
  return { shape: checkShape("exportOnnx: 'input'", shape), dtype };
}

function checkScale(factor: number | undefined, dtype: "f32" | "i32"): number {
  const argument = "exportOnnx: 'inputScale'";
  const scale = checkNumber(argument, given(factor, 1), "a finite number, not 0", (v) => v !== 0);
  if (scale === 1 || dtype === "f32") return scale;
  throw new DTypeError({ argument, got: `${scale} for an input ${dtype}`, accepted: "an f32 input" });
}

/** What the model makes of one example, which checks that it takes it. A model without parameters is on no device. */
function outputShape(model: Module, shape: Shape, dtype: "f32" | "i32"): Shape {
  let output: Shape = [];
  const [first] = model.values();
  const device = first?.value.device ?? dryDevice();
  const input = dtype === "f32" ? f32(1, ...shape) : i32(1, ...shape);
  using _ = device.program({ input }, (tensors) => {
    const y = model.forward(tensors.input);
    output = y.shape;
    return y;
  });
  return output.slice(1);
}

/** An exporter of one's own may have said something else than the module does. */
function checkOutput({ shape, dtype }: GraphValue, expected: Shape): void {
  if (dtype === "f32" && sameShape(shape, expected)) return;
  const got = `${dtype} [${shape.join(", ")}] from the exporters`;
  const accepted = `what the model gives: f32 [${expected.join(", ")}]`;
  throw new ShapeError({ argument: "exportOnnx: output", got, accepted });
}

/** Gives parameters to the graph under their names, when they are asked for. */
function parametersOf(
  model: Module,
  state: Awaited<ReturnType<Module["state"]>>,
  graph: Graph,
): (declared: Declared) => string {
  const names = new Map([...model.declared()].map(([name, declared]) => [declared, name]));
  return (declared) => {
    const name = names.get(declared);
    const entry = name === undefined ? undefined : state[name];
    if (name !== undefined && entry) return graph.constant(name, entry.shape, entry.data, declared);
    const accepted = "those that the model lists in `declared()`";
    throw new ArgumentError({ argument: "exportOnnx: parameter", got: "one of another model", accepted });
  };
}

function exportLayer(
  layer: unknown,
  path: string,
  x: GraphValue,
  context: OnnxContext,
  modules: ReadonlyMap<unknown, OnnxExporter>,
): GraphValue {
  const argument = path === "" ? "exportOnnx: the model" : `exportOnnx: layer "${path}"`;
  const type = layer instanceof Module ? layer.constructor : undefined;
  const exporter = modules.get(type);
  if (layer instanceof Module && exporter) {
    return exporter(layer, x, context, path);
  }
  const known = FUNCTIONS.get(layer);
  if (known) return known(x, context.graph);
  throw new ArgumentError({
    argument,
    got: layer instanceof Module ? `a ${layer.constructor.name}` : describe(layer),
    accepted: `${listOf(MODULES)}; ${listOf(FUNCTIONS)}; or a class with an entry in 'exporters'`,
  });
}

const listOf = (table: ReadonlyMap<unknown, unknown>): string =>
  [...table.keys()].map((key) => (key as { name: string }).name).join(", ");
