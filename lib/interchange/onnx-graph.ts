// An ONNX model while it is put together: nodes, constants, and the message of the file (onnx/onnx.proto3, IR version 8).

import { ArgumentError } from "../errors.js";
import { littleEndian, Message } from "./protobuf.js";

/** The operator set that the nodes are of. */
const OPSET = 17;
const IR_VERSION = 8; // the first with opset 17
/** What one Protocol Buffers message holds at most: 2 GiB. */
const MAX_BYTES = 2 ** 31 - 1;

/** onnx.TensorProto.DataType */
const ELEMENT = { f32: 1, i32: 6, i64: 7 } as const;

/** onnx.AttributeProto.AttributeType */
const ATTRIBUTE = { float: 1, integer: 2, integers: 7 } as const;

/** A value of the graph: an array whose first dimension is the batch. */
export interface GraphValue {
  readonly name: string;
  /** Without the batch. */
  readonly shape: readonly number[];
  readonly dtype: "f32" | "i32";
}

/** Attributes of a node: a list is integers, a number is an integer unless it is `{ float }`. */
export type Attributes = Readonly<Record<string, number | readonly number[] | { readonly float: number }>>;

/** The names of the model's input and output, which no other value has. */
export const INPUT = "input";
export const OUTPUT = "output";

/** The graph. Names of its values are unique. */
export class Graph {
  readonly #nodes: Message[] = [];
  readonly #constants = new Map<unknown, { readonly name: string; readonly tensor: Message }>();
  readonly #taken = new Set<string>([INPUT, OUTPUT]);
  #count = 0;

  /** A name that no value has: the given one, or what it is with underscores. */
  #free(name: string): string {
    let free = name;
    while (this.#taken.has(free)) free += "_";
    this.#taken.add(free);
    return free;
  }

  /** A new node of one output; the result is the name of that. */
  node(
    operator: string,
    inputs: readonly string[],
    attributes: Attributes = {},
    output = this.#free(`${operator}_${this.#count++}`),
  ): string {
    const node = new Message();
    for (const input of inputs) node.string(1, input);
    node.string(2, output).string(3, output).string(4, operator);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    this.#nodes.push(node);
    return output;
  }

  /** A node whose outputs are equal parts along the last axis. */
  split(input: string, parts: number): string[] {
    const name = `Split_${this.#count++}`;
    const outputs = Array.from({ length: parts }, (_, i) => this.#free(`${name}_${i}`));
    const node = new Message().string(1, input);
    for (const output of outputs) node.string(2, output);
    node.string(3, name).string(4, "Split").message(5, attribute("axis", -1));
    this.#nodes.push(node);
    return outputs;
  }

  /**
   * A constant. One of the same key, which is its name if it is not given, is kept once; the result is the name that it has in the
   * file: the given one, with underscores if that is taken.
   */
  constant(
    name: string,
    shape: readonly number[],
    data: Float32Array | BigInt64Array,
    key: unknown = name,
  ): string {
    const known = this.#constants.get(key);
    if (known) return known.name;
    const free = this.#free(name);
    const tensor = new Message()
      .integers(1, shape)
      .integer(2, ELEMENT[data instanceof Float32Array ? "f32" : "i64"])
      .string(8, free)
      .bytes(9, littleEndian(data));
    this.#constants.set(key, { name: free, tensor });
    return free;
  }

  /** A number for element-wise nodes. */
  number(value: number): string {
    return this.constant(`f32:${value}`, [], Float32Array.of(value));
  }

  /** A list of whole numbers: shapes and axes. */
  list(values: readonly number[]): string {
    return this.constant(`i64:${values.join(",")}`, [values.length], BigInt64Array.from(values.map(BigInt)));
  }

  /** The file's content, in chunks. @throws ArgumentError if it has more bytes than the format allows */
  encode(about: {
    readonly producer: string;
    readonly version: string;
    readonly doc: string;
    readonly input: GraphValue;
    readonly output: GraphValue;
  }): Uint8Array[] {
    const graph = new Message();
    for (const node of this.#nodes) graph.message(1, node);
    graph.string(2, "adastep");
    for (const { tensor } of this.#constants.values()) graph.message(5, tensor);
    graph.message(11, valueInfo(about.input)).message(12, valueInfo(about.output));
    const model = new Message()
      .integer(1, IR_VERSION)
      .string(2, about.producer)
      .string(3, about.version)
      .string(6, about.doc)
      .message(7, graph)
      .message(8, new Message().string(1, "").integer(2, OPSET));
    if (model.length <= MAX_BYTES) return model.chunks;
    const [got, accepted] = [
      `a model of ${model.length} bytes`,
      `${MAX_BYTES} bytes at most, as ONNX has it`,
    ];
    throw new ArgumentError({ argument: "exportOnnx: 'model'", got, accepted });
  }
}

function attribute(name: string, value: Attributes[string]): Message {
  const message = new Message().string(1, name);
  if (typeof value === "number") return message.integer(3, value).integer(20, ATTRIBUTE.integer);
  if ("float" in value) return message.float(2, value.float).integer(20, ATTRIBUTE.float);
  for (const item of value) message.integer(8, item);
  return message.integer(20, ATTRIBUTE.integers);
}

/** onnx.ValueInfoProto: the first dimension is a name, so that any batch fits. */
function valueInfo({ name, shape, dtype }: GraphValue): Message {
  const dimensions = new Message().message(1, new Message().string(2, "batch"));
  for (const size of shape) dimensions.message(1, new Message().integer(1, size));
  const tensor = new Message().integer(1, ELEMENT[dtype]).message(2, dimensions);
  return new Message().string(1, name).message(2, new Message().message(1, tensor));
}
