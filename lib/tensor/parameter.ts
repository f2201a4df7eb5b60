// A trainable array.

import { DeviceBuffer } from "../device/buffer.js";
import type { Shape } from "../device/dtype.js";
import { ArgumentError, DTypeError, describe, ShapeError } from "../errors.js";
import type { RowList } from "./rows.js";

/** Element types of parameters. Those of models are f32; an optimizer's `step()` takes bf16 too. */
export type ParameterType = "f32" | "bf16";

/** A trainable array: a name, its value on a device and, once there is an optimizer or the user gives one, its gradient. */
export class Parameter<D extends ParameterType = ParameterType> {
  /** Unique in its model: `"0.weight"`. */
  readonly name: string;
  readonly value: DeviceBuffer<D>;
  /** Where the gradient is, in the type of the value; made by the optimizer if the user brings none. */
  grad: DeviceBuffer<D> | undefined;

  /** Internal: records what has to happen to the rows in the list before a lookup reads them. */
  beforeLookup: ((list: RowList) => void) | undefined;
  /** Whether it is a table whose gradient is a list of rows: it lies in a block of its own. */
  readonly sparse: boolean;

  constructor(name: string, value: DeviceBuffer<D>, grad?: DeviceBuffer<D>, sparse = false) {
    this.name = name;
    this.value = value;
    this.grad = grad;
    this.sparse = sparse;
  }

  get shape(): Shape {
    return this.value.shape;
  }
}

function checkBuffer(argument: string, buffer: unknown, accepted: readonly string[]): void {
  if (!(buffer instanceof DeviceBuffer))
    throw new ArgumentError({ argument, got: describe(buffer), accepted: "a DeviceBuffer" });
  if (!accepted.includes(buffer.dtype))
    throw new DTypeError({ argument, got: buffer.dtype, accepted: accepted.join(" or ") });
}

/**
 * A parameter over buffers of one's own, for those who bring their model code: `parameter("w", w, dw)`. Both are f32, or both
 * bf16: then the update is computed in f32 and rounded stochastically, and programs cannot use the parameter.
 */
export function parameter<D extends ParameterType>(
  name: string,
  value: DeviceBuffer<D>,
  grad?: DeviceBuffer<D>,
): Parameter<D> {
  if (typeof name !== "string" || name === "") {
    throw new ArgumentError({
      argument: "parameter: 'name'",
      got: describe(name),
      accepted: "a non-empty string",
    });
  }
  checkBuffer("parameter: 'value'", value, ["f32", "bf16"]);
  if (grad !== undefined) {
    checkBuffer("parameter: 'grad'", grad, [value.dtype]);
    if (grad.length !== value.length) {
      throw new ShapeError({
        argument: "parameter: 'grad'",
        got: `${grad}`,
        accepted: `the shape of the value, ${value}`,
      });
    }
    value.device.own("parameter: 'grad'", grad);
  }
  return new Parameter(name, value, grad);
}
