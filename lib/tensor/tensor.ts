// A symbolic value: what a recorded operation will leave in memory when the program runs.

import type { DeviceBuffer } from "../device/buffer.js";
import { countOf, type DType, type Shape, shapeText, sizeOf } from "../device/dtype.js";

/** A block of memory of a program: planned (inside the program's arena) or external (a buffer that outlives it). */
export class Memory {
  /** Set for external memory; a planned block may become external when its value is to be left in a buffer. */
  external: DeviceBuffer | undefined;
  constructor(
    readonly bytes: number,
    external?: DeviceBuffer,
  ) {
    this.external = external;
  }
}

/**
 * A symbolic, contiguous, row-major array inside `device.program(...)`. It holds no numbers: operations on it are recorded
 * and run when the program runs.
 */
export class Tensor {
  readonly dtype: DType;
  readonly shape: Shape;
  /** Internal: where its elements are. */
  readonly memory: Memory;
  /** Internal: where it starts in its memory. */
  readonly byteOffset: number;
  /** Internal: the number that every element is known to be. */
  readonly constant: number | undefined;

  constructor(dtype: DType, shape: Shape, memory?: Memory, byteOffset = 0, constant?: number) {
    this.dtype = dtype;
    this.shape = shape;
    this.memory = memory ?? new Memory(countOf(shape) * sizeOf(dtype));
    this.byteOffset = byteOffset;
    this.constant = constant;
  }

  /** Elements. */
  get length(): number {
    return countOf(this.shape);
  }

  /** Number of dimensions. */
  get rank(): number {
    return this.shape.length;
  }

  /** `f32 [128, 10]` */
  toString(): string {
    return `${this.dtype} ${shapeText(this.shape)}`;
  }
}

declare const scalar: unique symbol;

/** A tensor of shape `[]`: a program gives it back as a number. */
export type Scalar = Tensor & { readonly [scalar]: true };

/** A tensor of shape `[]` with the type that says so. */
export function asScalar(tensor: Tensor): Scalar {
  if (tensor.rank !== 0) throw new Error(`asScalar: a tensor ${tensor} is not a scalar`);
  return tensor as Scalar;
}
