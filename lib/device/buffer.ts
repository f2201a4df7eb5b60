// Device memory as the user holds it: a block, or a view of a part of one.

import { checkInteger } from "../check.js";
import { ArgumentError, DisposedError, DTypeError, describe, ShapeError } from "../errors.js";
import { loanOf } from "../lent.js";
import { type NativeBuffer, promised, type TypedArray } from "../native/native.js";
import type { Device } from "./device.js";
import {
  type ArrayOf,
  checkShape,
  countOf,
  type DType,
  dtypeOf,
  type Shape,
  shapeText,
  sizeOf,
  viewAs,
} from "./dtype.js";

/** What integers an element type holds; other types hold any number. */
const RANGES: Readonly<Record<DType, readonly [number, number] | readonly [undefined, undefined]>> = {
  f32: [undefined, undefined],
  f64: [undefined, undefined],
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u8: [0, 255],
  bf16: [undefined, undefined],
};

/** From what an element type is converted. */
const CASTS: Readonly<Record<DType, readonly DType[]>> = {
  f32: ["f32", "i32", "u8", "bf16"],
  i32: ["f32", "i32", "u8"],
  u8: ["f32", "i32", "u8"],
  bf16: ["f32", "bf16"],
  f64: [],
};

/** Whether a block has been disposed, shared by its views. */
interface Block {
  readonly native: NativeBuffer;
  alive: boolean;
}

/** Frees blocks whose owner was collected without `dispose()`: a safety net, not a plan. */
const forgotten = new FinalizationRegistry<Block>((block) => {
  block.alive = false;
  block.native.dispose();
});

/**
 * A typed, shaped block of device memory. Ends with `dispose()` or `using`; views share the memory of their owner and
 * end with it.
 */
export class DeviceBuffer<D extends DType = DType> {
  readonly device: Device;
  readonly dtype: D;
  readonly shape: Shape;
  /** Elements. */
  readonly length: number;
  /** Where it starts in its block. */
  readonly byteOffset: number;
  readonly #block: Block;
  /** Of a view: the buffer that holds the memory, so that it is not collected before its views. */
  readonly #owner: DeviceBuffer | undefined;

  /** Internal: use `device.alloc` or `device.from`. */
  constructor(
    device: Device,
    block: NativeBuffer | Block,
    dtype: D,
    shape: Shape,
    byteOffset: number,
    owner?: DeviceBuffer,
  ) {
    this.device = device;
    this.dtype = dtype;
    this.shape = shape;
    this.length = countOf(shape);
    this.byteOffset = byteOffset;
    this.#block = "alive" in block ? block : { native: block, alive: true };
    this.#owner = owner;
    if (!owner) forgotten.register(this, this.#block, this.#block);
  }

  get disposed(): boolean {
    return !this.#block.alive;
  }

  /** Bytes of this buffer or view. */
  get byteLength(): number {
    return this.length * sizeOf(this.dtype);
  }

  /** The native block; throws if it was disposed. */
  get native(): NativeBuffer {
    if (!this.#block.alive) {
      throw new DisposedError({
        argument: "buffer",
        got: `a disposed buffer ${this}`,
        accepted: "a buffer that is alive",
      });
    }
    return this.#block.native;
  }

  /** A view of `countOf(shape)` elements from element `start`, on the same memory. */
  view(start: number, shape: Shape): DeviceBuffer<D> {
    checkInteger("buffer.view: 'start'", start, 0, this.length);
    const checked = checkShape("buffer.view: 'shape'", shape);
    if (countOf(checked) > this.length - start) {
      throw new ShapeError({
        argument: "buffer.view: 'shape'",
        got: `${shapeText(checked)} from element ${start}`,
        accepted: `at most ${this.length - start} elements there`,
      });
    }
    void this.native;
    return new DeviceBuffer(
      this.device,
      this.#block,
      this.dtype,
      checked,
      this.byteOffset + start * sizeOf(this.dtype),
      this.#owner ?? this,
    );
  }

  /** Internal: `length` elements from where this one starts, past its end inside the same block. */
  spanning(length: number): DeviceBuffer<D> {
    return new DeviceBuffer(
      this.device,
      this.#block,
      this.dtype,
      [length],
      this.byteOffset,
      this.#owner ?? this,
    );
  }

  /** Enqueues a copy of `data` into the buffer; `data` may be changed right after. */
  write(data: ArrayOf[D]): void {
    if (dtypeOf(data) !== this.dtype) {
      throw new DTypeError({
        argument: "buffer.write: 'data'",
        got: describe(data),
        accepted: `a typed array of ${this.dtype}`,
      });
    }
    if (data.length !== this.length) {
      throw new ShapeError({
        argument: "buffer.write: 'data'",
        got: `${data.length} elements`,
        accepted: `${this.length} elements, shape ${shapeText(this.shape)}`,
      });
    }
    loanOf("buffer.write: 'data'", data);
    this.device.native.write(this.native, this.byteOffset, data as TypedArray);
  }

  /** Waits for everything enqueued before, then gives a copy of the contents. @throws DeviceError if any of it failed */
  async read(): Promise<ArrayOf[D]> {
    const bytes = await promised<ArrayBuffer>((done) =>
      this.device.native.read(this.native, this.byteOffset, this.byteLength, done),
    );
    return viewAs(this.dtype, bytes);
  }

  /** Enqueues setting every element to `value`; bf16 rounds it to the nearest. */
  fill(value: number): void {
    const [low, high] = RANGES[this.dtype];
    const fits =
      typeof value === "number" &&
      (low === undefined || (Number.isInteger(value) && value >= low && value <= high));
    if (!fits) {
      const accepted = low === undefined ? "a number" : `an integer from ${low} to ${high}`;
      throw new ArgumentError({ argument: "buffer.fill: 'value'", got: describe(value), accepted });
    }
    if (this.length > 0) this.device.run("fill", { dtype: this.dtype, n: this.length, value, y: this });
  }

  /** Enqueues a copy from a buffer of the same type and as many elements. */
  copyFrom(source: DeviceBuffer<D>): void {
    this.#checkSource("buffer.copyFrom: 'source'", source, [this.dtype]);
    if (this.length > 0) this.device.run("copy", { bytes: this.byteLength, x: source, y: this });
  }

  /**
   * Enqueues a conversion from a buffer of as many elements: between f32, i32 and u8 (f32 to an integer truncates and saturates),
   * and between f32 and bf16 (rounds to the nearest, ties to even).
   */
  castFrom(source: DeviceBuffer): void {
    this.#checkSource("buffer.castFrom: 'source'", source, CASTS[this.dtype]);
    const { dtype: to, length: n } = this;
    if (n > 0) this.device.run("cast", { from: source.dtype, to, n, x: source, y: this });
  }

  #checkSource(argument: string, source: unknown, accepted: readonly DType[]): void {
    if (!(source instanceof DeviceBuffer))
      throw new ArgumentError({ argument, got: describe(source), accepted: "a DeviceBuffer" });
    if (!accepted.includes(source.dtype))
      throw new DTypeError({
        argument,
        got: source.dtype,
        accepted: accepted.join(", ") || `no type: ${this.dtype} is not converted`,
      });
    if (source.length !== this.length)
      throw new ShapeError({
        argument,
        got: `${source.length} elements`,
        accepted: `${this.length} elements`,
      });
  }

  /** Frees the memory once what is enqueued has run. Of a view: nothing, its owner holds the memory. */
  dispose(): void {
    if (this.#owner || !this.#block.alive) return;
    this.#block.alive = false;
    forgotten.unregister(this.#block);
    this.#block.native.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** `f32 [2, 3] on cpu:0` */
  toString(): string {
    return `${this.dtype} ${shapeText(this.shape)} on ${this.device.info.kind}:${this.device.info.index}`;
  }
}
