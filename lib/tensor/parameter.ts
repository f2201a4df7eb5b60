// A trainable array.

import { DeviceBuffer } from "../device/buffer.js";
import type { Shape } from "../device/dtype.js";
import { ArgumentError, DTypeError, describe, ShapeError } from "../errors.js";
import type { RowList } from "./rows.js";

/** A trainable f32 array: a name, its value on a device and, once there is an optimizer or the user gives one, its gradient. */
export class Parameter {
  /** Unique in its model: `"0.weight"`. */
  readonly name: string;
  readonly value: DeviceBuffer<"f32">;
  /** Where the gradient is; made by the optimizer if the user brings none. */
  grad: DeviceBuffer<"f32"> | undefined;

  /** Internal: records what has to happen to the rows in the list before a lookup reads them. */
  beforeLookup: ((list: RowList) => void) | undefined;
  /** Whether it is a table whose gradient is a list of rows: it lies in a block of its own. */
  readonly sparse: boolean;

  constructor(name: string, value: DeviceBuffer<"f32">, grad?: DeviceBuffer<"f32">, sparse = false) {
    this.name = name;
    this.value = value;
    this.grad = grad;
    this.sparse = sparse;
  }

  get shape(): Shape {
    return this.value.shape;
  }
}

function checkF32(argument: string, buffer: unknown): DeviceBuffer<"f32"> {
  if (!(buffer instanceof DeviceBuffer)) {
    throw new ArgumentError({ argument, got: describe(buffer), accepted: "a DeviceBuffer" });
  }
  if (buffer.dtype !== "f32") throw new DTypeError({ argument, got: buffer.dtype, accepted: "f32" });
  return buffer as DeviceBuffer<"f32">;
}

/** A parameter over buffers of one's own, for those who bring their model code: `parameter("w", w, dw)`. */
export function parameter(name: string, value: DeviceBuffer<"f32">, grad?: DeviceBuffer<"f32">): Parameter {
  if (typeof name !== "string" || name === "") {
    throw new ArgumentError({
      argument: "parameter: 'name'",
      got: describe(name),
      accepted: "a non-empty string",
    });
  }
  checkF32("parameter: 'value'", value);
  if (grad !== undefined) {
    checkF32("parameter: 'grad'", grad);
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
