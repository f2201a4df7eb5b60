// The recording of a program: a flat list of operations in the order in which they will run.

import { DeviceBuffer } from "../device/buffer.js";
import type { Device } from "../device/device.js";
import { checkShape, type DType, type Shape, sameShape, sizeOf } from "../device/dtype.js";
import { type OpSchema, opSchema } from "../device/encode.js";
import { ArgumentError, DTypeError, describe } from "../errors.js";
import type { ComputePrecision } from "../native/native.js";
import { Parameter } from "./parameter.js";
import type { RowContribution } from "./rows.js";
import { Memory, Tensor } from "./tensor.js";

/** What operations take as a value: tensors, parameters, buffers; numbers where they are broadcast. */
export type Value = Tensor | Parameter | DeviceBuffer;

/** A field of an operation while it is recorded. */
export type NodeField = number | string | boolean | readonly number[] | Tensor | DeviceBuffer | undefined;

/** Memory that an operation touches. */
export interface Span {
  readonly field: string;
  readonly kind: "in" | "out" | "inout";
  readonly memory: Memory;
  readonly byteOffset: number;
}

/** An argument that has a gradient, how to record it and, of the table of a lookup, how to record it as rows. */
export type ArgumentGradient = readonly [arg: Tensor, record: () => Tensor, rows?: () => RowContribution];

/** For each argument that has a gradient, how to record it, given the gradients of the node's results. */
export type Gradient = (gradients: readonly Tensor[]) => readonly ArgumentGradient[];

/** A recorded operation. */
export interface Node {
  readonly op: OpSchema;
  readonly fields: Record<string, NodeField>;
  spans: Span[];
  /** The line of user code that recorded it, for listings. */
  readonly at: string;
  /** Where it runs, if not everywhere: what a program turns out to be is known when its recording ends. */
  readonly only: Purpose | undefined;
}

/** What a program is for: it trains if it minimises something, unless it is told otherwise. */
export type Purpose = "training" | "evaluation";

/** A value of the list with its derivative: what reverse mode walks. Views have one without being operations. */
export interface Derived {
  readonly results: readonly Tensor[];
  readonly args: readonly Tensor[];
  readonly gradient: Gradient;
}

/** Scalars that the host supplies at every run. */
export interface ScalarSlot {
  readonly tensor: Tensor;
  readonly supply: () => ArrayLike<number>;
}

let current: Recorder | undefined;

/** The list that is being recorded; operations on tensors exist only inside `device.program(...)`. */
export function recording(operation: string): Recorder {
  if (!current) {
    throw new ArgumentError({
      argument: operation,
      got: "a call outside of a recording",
      accepted: "a call inside device.program(...)",
    });
  }
  return current;
}

export class Recorder {
  readonly nodes: Node[] = [];
  readonly derived: Derived[] = [];
  readonly scalars: ScalarSlot[] = [];
  /** Called at every run before it is enqueued: what they enqueue comes first. */
  readonly beforeRun: (() => void)[] = [];
  /** Called at every run, after the scalars have been supplied. */
  readonly onRun: (() => void)[] = [];
  /** Whether something is minimised: then the program trains, unless it is told otherwise. */
  minimizes = false;
  /** The next stream of random numbers; those below 2^31 belong to initial values (lib/nn). */
  stream = 2 ** 31;
  /** Which run this is, from 0: random operations draw anew at every run. */
  step = 0;
  #counter: Tensor | undefined;
  /** How many derivatives were recorded when a block of external memory was last written. */
  readonly written = new Map<unknown, number>();
  /** Running statistics, which the program writes beside what an optimizer does. */
  readonly statistics: DeviceBuffer[] = [];
  /** Gradients: nothing is differentiated through them. */
  readonly opaque = new WeakSet<Tensor>();
  readonly #known = new WeakSet<Memory>();
  #only: Purpose | undefined;
  readonly #lifted: Tensor[] = [];

  constructor(
    readonly device: Device,
    readonly seed: number,
    /** Of matrix products that have none of their own. */
    readonly precision: ComputePrecision = "f32",
  ) {}

  /** Runs `body` with this as the list that operations are recorded to. */
  record<T>(body: () => T): T {
    const outer = current;
    current = this;
    try {
      return body();
    } finally {
      current = outer;
    }
  }

  /** What `body` records is left out of programs with another purpose. Two bodies may write the same tensors. */
  only(purpose: Purpose, body: () => void): void {
    const outer = this.#only;
    this.#only = purpose;
    try {
      body();
    } finally {
      this.#only = outer;
    }
  }

  /** A tensor for a value: buffers and parameters are read and written in place. */
  lift(argument: string, value: unknown): Tensor {
    if (value instanceof Tensor) {
      if (this.#known.has(value.memory)) return value;
      throw new ArgumentError({
        argument,
        got: `a tensor ${value} of another program`,
        accepted: "a tensor of this one",
      });
    }
    const buffer = value instanceof Parameter ? value.value : value;
    if (!(buffer instanceof DeviceBuffer)) {
      throw new ArgumentError({
        argument,
        got: describe(value),
        accepted: "a Tensor, a Parameter or a DeviceBuffer",
      });
    }
    this.device.own(argument, buffer);
    if (buffer.dtype === "bf16") {
      const accepted = "f32, i32 or u8 in a program; bf16 is for direct commands: castFrom, optimizer.step";
      throw new DTypeError({ argument, got: `${buffer}`, accepted });
    }
    return this.#refer(buffer);
  }

  /** A tensor for a buffer, the same for the same place. */
  #refer(buffer: DeviceBuffer): Tensor {
    const known = this.#lifted.find((tensor) => {
      const { external } = tensor.memory;
      const same = external?.native === buffer.native && external.byteOffset === buffer.byteOffset;
      return same && tensor.dtype === buffer.dtype && sameShape(tensor.shape, buffer.shape);
    });
    if (known) return known;
    const tensor = this.adopt(new Tensor(buffer.dtype, buffer.shape, new Memory(buffer.byteLength, buffer)));
    this.#lifted.push(tensor);
    return tensor;
  }

  /** Makes a tensor one of this program. */
  adopt(tensor: Tensor): Tensor {
    this.#known.add(tensor.memory);
    return tensor;
  }

  /** Records an operation. Fields that are tensors or buffers become spans, by the operation's schema. */
  emit(name: string, fields: Record<string, NodeField>): void {
    const op = opSchema(name);
    const spans: Span[] = [];
    for (const { name: field, kind } of op.fields) {
      const value = fields[field];
      if ((kind !== "in" && kind !== "out" && kind !== "inout") || value === undefined) continue;
      const tensor =
        kind !== "in" && value instanceof Tensor
          ? this.adopt(value)
          : value instanceof DeviceBuffer
            ? this.#refer(this.device.own(`${name}: '${field}'`, value))
            : this.lift(`${name}: '${field}'`, value);
      const { memory, byteOffset } = tensor;
      spans.push({ field, kind, memory, byteOffset });
      if (kind !== "in" && memory.external) this.written.set(memory.external.native, this.derived.length);
    }
    this.nodes.push({ op, fields, spans, at: callSite(), only: this.#only });
  }

  /** Records an operation that writes memory but no value that was read before: a loss may have used it. */
  refresh(name: string, fields: Record<string, NodeField>): void {
    const written = new Map(this.written);
    this.emit(name, fields);
    this.written.clear();
    for (const [block, place] of written) this.written.set(block, place);
  }

  /** Declares the derivative of results with respect to args. */
  derive(results: readonly Tensor[], args: readonly Tensor[], gradient: Gradient): void {
    this.derived.push({ results, args, gradient });
  }

  /** A tensor whose elements are all `value`. */
  full(shape: Shape, value: number): Tensor {
    const tensor = this.adopt(new Tensor("f32", shape, undefined, 0, value));
    if (tensor.length > 0) this.emit("fill", { dtype: "f32", n: tensor.length, value, y: tensor });
    return tensor;
  }

  /** `count` doubles that `supply` gives at every run. */
  supplied(count: number, supply: () => ArrayLike<number>): Tensor {
    const tensor = this.adopt(new Tensor("f64", [count]));
    this.scalars.push({ tensor, supply });
    return tensor;
  }

  /** The number of the run, f64 [1]. */
  stepCounter(): Tensor {
    this.#counter ??= this.supplied(1, () => [this.step]);
    return this.#counter;
  }

  /** Makes `tensor` end up in `buffer`: written there at once where possible, else copied. */
  leaveIn(tensor: Tensor, buffer: DeviceBuffer): void {
    const { memory } = tensor;
    const whole = tensor.byteOffset === 0 && tensor.length * sizeOf(tensor.dtype) === memory.bytes;
    if (
      memory.external === undefined &&
      whole &&
      !this.scalars.some((slot) => slot.tensor.memory === memory)
    ) {
      memory.external = buffer;
    } else {
      this.emit("copy", { bytes: buffer.byteLength, x: tensor, y: buffer });
    }
  }
}

/** A new tensor of the shape and, unless said otherwise, f32: the result of an operation. */
export function output(shape: Shape, dtype: DType = "f32"): Tensor {
  return new Tensor(dtype, checkShape("the result's shape", shape));
}

const LIBRARY = /[\\/](lib|dist)[\\/](tensor|nn|optim|train|device)[\\/]/;

/** The first stack frame outside of the library. */
function callSite(): string {
  const frames = new Error().stack?.split("\n").slice(2) ?? [];
  return (
    frames
      .find((frame) => !LIBRARY.test(frame))
      ?.trim()
      .replace(/^at /, "") ?? ""
  );
}
