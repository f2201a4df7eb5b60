// A model: named parameters and a forward function.

import { checkInteger, checkKeys, given } from "../check.js";
import type { DeviceBuffer } from "../device/buffer.js";
import { Device } from "../device/device.js";
import { checkShape, countOf, type Shape } from "../device/dtype.js";
import { ArgumentError, DTypeError, describe, ShapeError } from "../errors.js";
import { EXACT_MEMORY } from "../native/native.js";
import type { Bags } from "../tensor/bag.js";
import { Parameter } from "../tensor/parameter.js";
import type { Value } from "../tensor/recorder.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Initializer } from "./init.js";

/** A parameter that has a shape and an initial value but no memory yet. */
export class Declared {
  /** Set when the model is placed on a device. */
  placed: Parameter<"f32"> | undefined;
  constructor(
    readonly shape: Shape,
    readonly init: Initializer,
    /** Whether it is a table whose gradient is a list of rows. */
    readonly sparse = false,
    /** Whether optimizers update it. What they do not is kept and saved with the model all the same. */
    readonly trained = true,
  ) {}

  /** The parameter, or what is kept like one; throws if the model has not been placed. */
  get parameter(): Parameter<"f32"> {
    if (!this.placed) {
      throw new ArgumentError({
        argument: "model",
        got: "a model without a device",
        accepted: "a model after model.to(device)",
      });
    }
    return this.placed;
  }
}

/** Options of `model.to`. */
export interface PlacementOptions {
  /** Seeds the initial values. Default 0. */
  readonly seed?: number;
}

const PAD = 64; // floats: parameters start at multiples of 256 bytes, so that vector loads are aligned

/**
 * Gives declared parameters memory, zero: the dense ones in one contiguous arena, each sparse table, and what is not
 * trained, in a block of its own.
 * Returns what has to be disposed.
 */
export function place(
  device: Device,
  entries: readonly (readonly [name: string, declared: Declared])[],
): DeviceBuffer<"f32">[] {
  const dense = entries.filter(([, { sparse, trained }]) => !sparse && trained && !EXACT_MEMORY);
  const starts = new Map<Declared, number>();
  let total = 0;
  for (const [, declared] of dense) {
    starts.set(declared, total);
    total += Math.ceil(countOf(declared.shape) / PAD) * PAD;
  }
  const arena = device.alloc("f32", [total]);
  const owned = [arena];
  for (const [name, declared] of entries) {
    const start = starts.get(declared);
    const value =
      start === undefined ? device.alloc("f32", declared.shape) : arena.view(start, declared.shape);
    if (start === undefined) owned.push(value);
    declared.placed = new Parameter(name, value, undefined, declared.sparse);
  }
  return owned;
}

/**
 * The base of models. A subclass declares parameters and submodules as fields and says what `forward` records:
 *
 * ```ts
 * class Residual extends Module {
 *   readonly inner = new Linear(64, 64);
 *   forward(x: Tensor): Tensor { return add(x, relu(this.inner.forward(x))); }
 * }
 * ```
 */
export abstract class Module {
  #owned: readonly DeviceBuffer[] = [];

  /** Records what the model does to `x`, inside `device.program(...)`. Bags are for models that begin with an EmbeddingBag. */
  abstract forward(x: Value | Bags): Tensor;

  /** Declares a parameter, or with `trained: false` numbers that are kept like one: a field of a subclass. */
  protected declare(
    shape: readonly number[],
    init: Initializer,
    options: { readonly sparse?: boolean; readonly trained?: boolean } = {},
  ): Declared {
    const { sparse, trained } = options;
    return new Declared(checkShape("declare: 'shape'", shape), init, sparse, trained);
  }

  /** Parameters declared here and in submodules, by name: `"0.weight"`. One that is used in two places is listed once. */
  *declared(prefix = "", seen: Set<object> = new Set()): Generator<[name: string, declared: Declared]> {
    for (const [field, value] of this.fields()) {
      const name = prefix + field;
      if ((value instanceof Declared || value instanceof Module) && !seen.has(value)) {
        seen.add(value);
        if (value instanceof Declared) yield [name, value];
        else yield* value.declared(`${name}.`, seen);
      }
    }
  }

  /** This module, named `prefix`, and those in it, by name: `"0"`. One that is used in two places is listed once. */
  *modules(prefix = "", seen: Set<object> = new Set()): Generator<[name: string, module: Module]> {
    if (seen.has(this)) return;
    seen.add(this);
    yield [prefix, this];
    for (const [field, value] of this.fields()) {
      if (value instanceof Module) yield* value.modules(prefix === "" ? field : `${prefix}.${field}`, seen);
    }
  }

  /** The fields that may hold parameters or modules, by the name that they have in files. */
  protected fields(): Iterable<[string, unknown]> {
    return Object.entries(this).flatMap(([name, value]): [string, unknown][] =>
      Array.isArray(value) ? value.map((item, i) => [`${name}.${i}`, item]) : [[name, value]],
    );
  }

  /**
   * Gives all parameters memory on the device and their seeded initial values: the dense ones in one contiguous arena,
   * each sparse table, and what is not trained, in a block of its own.
   */
  to(device: Device, options: PlacementOptions = {}): this {
    if (!(device instanceof Device)) {
      throw new ArgumentError({
        argument: "model.to: 'device'",
        got: describe(device),
        accepted: "a Device",
      });
    }
    checkKeys("model.to", options, ["seed"]);
    const seed = checkInteger("model.to: 'seed'", given(options.seed, 0), 0);
    const entries = [...this.declared()];
    if (entries.some(([, declared]) => declared.placed)) {
      throw new ArgumentError({
        argument: "model.to",
        got: "a model that has a device already",
        accepted: "a new model",
      });
    }
    this.#owned = place(device, entries);
    entries.forEach(([, { init, parameter }], stream) => {
      init(parameter.value, { seed, stream });
    });
    return this;
  }

  /** All parameters that are trained, in the order of declaration. */
  parameters(): Parameter<"f32">[] {
    return [...this.declared()].flatMap(([, declared]) => (declared.trained ? [declared.parameter] : []));
  }

  /** All that the model consists of, in the order of declaration: parameters, and what is not trained. */
  values(): Parameter<"f32">[] {
    return [...this.declared()].map(([, declared]) => declared.parameter);
  }

  /** Copies of all parameters by name, and of what else is kept: running statistics. */
  async state(): Promise<Record<string, { shape: Shape; data: Float32Array }>> {
    const parameters = this.values();
    const arrays = await Promise.all(parameters.map((parameter) => parameter.value.read()));
    return Object.fromEntries(
      parameters.map(({ name, shape }, i) => [name, { shape, data: arrays[i] as Float32Array }]),
    );
  }

  /** Writes parameters by name; the names and sizes must be exactly those of the model. Nothing is written if one is not. */
  load(state: Readonly<Record<string, { readonly shape: Shape; readonly data: Float32Array }>>): void {
    const parameters = this.values();
    const names = parameters.map(({ name }) => name);
    checkKeys("model.load", state, names);
    for (const { name, shape, value } of parameters) {
      const entry = state[name];
      if (!entry)
        throw new ArgumentError({ argument: "model.load", got: `no "${name}"`, accepted: names.join(", ") });
      if (!(entry.data instanceof Float32Array)) {
        throw new DTypeError({
          argument: `model.load: '${name}'`,
          got: describe(entry.data),
          accepted: "a Float32Array",
        });
      }
      if (entry.shape.join() !== shape.join() || entry.data.length !== value.length) {
        throw new ShapeError({
          argument: `model.load: '${name}'`,
          got: `[${entry.shape.join(", ")}]`,
          accepted: `[${shape.join(", ")}]`,
        });
      }
    }
    for (const { name, value } of parameters) value.write((state[name] as { data: Float32Array }).data);
  }

  /** Frees the parameters. */
  dispose(): void {
    for (const buffer of this.#owned) buffer.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
