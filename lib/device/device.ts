// A device: a stream of commands with memory of its own.

import { checkInteger, checkKeys, given } from "../check.js";
import { ArgumentError, DisposedError, describe, UnavailableError } from "../errors.js";
import { type DeviceInfo, type MemoryStats, type NativeDevice, native, promised } from "../native/native.js";
import { DeviceBuffer } from "./buffer.js";
import {
  type ArrayOf,
  checkDType,
  checkShape,
  countOf,
  type DType,
  dtypeOf,
  type Shape,
  shapeText,
  sizeOf,
} from "./dtype.js";
import { encode, type Fields, type Place } from "./encode.js";

/** How a device is opened. */
export interface DeviceOptions {
  /** CPU: how many threads compute. Default: every core that the process may use. */
  readonly threads?: number;
  /** CPU: instruction-set level, `"baseline"`, `"v3"`, `"v4"` or `"neon"`. Default: the best that the machine has. */
  readonly level?: string;
  /** Bytes that buffers of this device may take together. Default: no limit. */
  readonly memoryLimit?: number;
}

/** The arguments of an operation; a place in memory is given as a buffer. */
export type CommandFields = Readonly<Record<string, Fields[string] | DeviceBuffer>>;

/** What this machine has: every CPU and GPU; one that cannot be used says why in `unavailable`. */
export function devices(): DeviceInfo[] {
  return [...native.devices("cpu"), ...native.devices("cuda")];
}

/** The first device that `name` accepts: `"auto"`, `"cpu"`, `"cuda"`, `"cuda:1"`. */
function choose(name: string): DeviceInfo {
  const match = /^(auto|cpu|cuda)(?::(\d{1,3}))?$/.exec(name);
  if (!match || (match[1] === "auto" && match[2] !== undefined)) {
    throw new ArgumentError({
      argument: "Device.open: 'name'",
      got: describe(name),
      accepted: `"auto", "cpu", "cuda" or "cuda:1"`,
    });
  }
  const [kind, index] = [match[1], Number(match[2] ?? 0)];
  const all = kind === "cpu" || kind === "cuda" ? native.devices(kind) : devices();
  if (kind === "auto") {
    const best =
      all.find((d) => d.kind === "cuda" && d.unavailable === "") ?? all.find((d) => d.kind === "cpu");
    if (best) return best;
  }
  const found = all.find((d) => d.kind === kind && d.index === index);
  if (!found) {
    const reason = all.find((d) => d.kind === kind)?.unavailable;
    throw new UnavailableError(`${name} cannot be used: ${reason || "there is no such device"}`);
  }
  if (found.unavailable !== "") throw new UnavailableError(`${name} cannot be used: ${found.unavailable}`);
  return found;
}

/**
 * A CPU or a GPU. Every operation is enqueued and returns at once; only reading a result waits, as a promise.
 *
 * ```ts
 * using device = await Device.open();          // the first usable GPU, else the CPU
 * using cpu = await Device.open("cpu", { threads: 1 });
 * ```
 */
export class Device {
  /** What was opened. */
  readonly info: DeviceInfo;
  readonly #native: NativeDevice;
  #closed = false;

  private constructor(opened: NativeDevice) {
    this.#native = opened;
    this.info = Object.freeze(opened.info());
  }

  /**
   * Opens a device: `"auto"` (default) is the first usable GPU, else the CPU; `"cpu"`, `"cuda"`, `"cuda:1"` name one.
   * @throws UnavailableError if the named device cannot be used, with the reason; ArgumentError for a bad option.
   */
  static async open(name = "auto", options: DeviceOptions = {}): Promise<Device> {
    checkKeys("Device.open", options, ["threads", "level", "memoryLimit"]);
    const threads =
      options.threads === undefined ? 0 : checkInteger("Device.open: 'threads'", options.threads, 1, 1024);
    const limit =
      options.memoryLimit === undefined
        ? 0
        : checkInteger("Device.open: 'memoryLimit'", options.memoryLimit, 1, 2 ** 46);
    const level = given(options.level, "");
    if (typeof level !== "string") {
      throw new ArgumentError({
        argument: "Device.open: 'level'",
        got: describe(level),
        accepted: "the name of a level",
      });
    }
    const { kind, index } = choose(name);
    return new Device(await promised((done) => native.open(kind, index, threads, level, limit, done)));
  }

  /** Internal: a device over something that stands for a native one. */
  static over(native: NativeDevice): Device {
    return new Device(native);
  }

  /** `"cpu"` or `"cuda"`. */
  get kind(): "cpu" | "cuda" {
    return this.info.kind;
  }

  get disposed(): boolean {
    return this.#closed;
  }

  /** Bytes in use on this device, and the most there were. */
  memory(): MemoryStats {
    return this.native.memory();
  }

  /** A zero-filled buffer. @throws OutOfMemoryError, ShapeError */
  alloc<D extends DType>(dtype: D, shape: Shape): DeviceBuffer<D> {
    const buffer = this.allocUninitialized(dtype, shape);
    if (buffer.length > 0) this.run("fill", { dtype, n: buffer.length, value: 0, y: buffer });
    return buffer;
  }

  /** A buffer that holds a copy of `data`; its shape defaults to `[data.length]`. A Uint16Array holds bits of bf16: `toBF16`. */
  from<A extends ArrayOf[DType]>(data: A, shape: Shape = [data.length]): DeviceBuffer<DTypeOf<A>> {
    const dtype = dtypeOf(data);
    if (dtype === undefined) {
      throw new ArgumentError({
        argument: "device.from: 'data'",
        got: describe(data),
        accepted: "a Float32Array, Int32Array, Uint8Array, Float64Array or Uint16Array (bf16)",
      });
    }
    if (countOf(checkShape("device.from: 'shape'", shape)) !== data.length) {
      throw new ArgumentError({
        argument: "device.from: 'shape'",
        got: `${shapeText(shape)} for ${data.length} elements`,
        accepted: "a shape of as many elements as 'data' has",
      });
    }
    const buffer = this.allocUninitialized(dtype, shape);
    buffer.write(data);
    return buffer as DeviceBuffer<DTypeOf<A>>;
  }

  /** A buffer whose contents are undefined until they are written; internal, for memory that is written first. */
  allocUninitialized<D extends DType>(dtype: D, shape: Shape): DeviceBuffer<D> {
    checkDType("device.alloc: 'dtype'", dtype);
    const checked = checkShape("device.alloc: 'shape'", shape);
    const bytes = countOf(checked) * sizeOf(dtype);
    if (bytes > 2 ** 46) {
      throw new ArgumentError({
        argument: "device.alloc: 'shape'",
        got: `${shapeText(shape)}, ${bytes} bytes`,
        accepted: "2^46 bytes at most",
      });
    }
    return new DeviceBuffer(this, this.native.alloc(bytes), dtype, checked, 0);
  }

  /** Enqueues one operation on buffers: internal, the floor under direct commands. */
  run(op: string, fields: CommandFields): void {
    const buffers: DeviceBuffer[] = [];
    const placed: Record<string, Fields[string]> = {};
    for (const [name, value] of Object.entries(fields)) {
      placed[name] =
        value instanceof DeviceBuffer ? placeOf(buffers, this.own(`${op}: '${name}'`, value)) : value;
    }
    const words: number[] = [];
    encode(words, op, placed);
    this.native.submit(
      Float64Array.from(words),
      buffers.map((buffer) => buffer.native),
    );
  }

  /** The buffer, if it is alive and on this device. */
  own<B extends DeviceBuffer>(argument: string, buffer: B): B {
    if (buffer.device !== this) {
      throw new ArgumentError({
        argument,
        got: `a buffer on ${buffer.device.info.kind}:${buffer.device.info.index} (another device)`,
        accepted: "a buffer on the device of the others",
      });
    }
    if (buffer.disposed)
      throw new DisposedError({ argument, got: "a disposed buffer", accepted: "a buffer that is alive" });
    return buffer;
  }

  /** Resolves when everything enqueued so far has ended; rejects with what went wrong in it. */
  async sync(): Promise<void> {
    await promised((done) => this.native.sync(done));
  }

  /**
   * Makes a device usable again that refuses work because an operation failed. Not one whose CUDA driver reported a kernel
   * that crashed (an illegal address): after that, says NVIDIA, only a new process can use the GPU.
   */
  reset(): void {
    this.native.reset();
  }

  /** Ends the device; work that is queued still runs. Buffers and programs of it can no longer be used. */
  dispose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#native.close(() => {});
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The native device; throws if this one was disposed. */
  get native(): NativeDevice {
    if (this.#closed) {
      throw new DisposedError({
        argument: "device",
        got: "a disposed device",
        accepted: "a device that is open",
      });
    }
    return this.#native;
  }

  /** `cpu:0 (AMD EPYC, v4, 2 threads)` */
  toString(): string {
    const { kind, index, name, capability, threads } = this.info;
    return `${kind}:${index} (${name}, ${capability}${threads > 0 ? `, ${threads} thread${threads > 1 ? "s" : ""}` : ""})`;
  }
}

/** The element type of a typed array type. */
export type DTypeOf<A> = A extends Float32Array
  ? "f32"
  : A extends Int32Array
    ? "i32"
    : A extends Uint8Array
      ? "u8"
      : A extends Uint16Array
        ? "bf16"
        : "f64";

/** The place of a buffer in a list of buffers, adding its memory to the list if it is new. */
function placeOf(buffers: DeviceBuffer[], buffer: DeviceBuffer): Place {
  let index = buffers.findIndex((known) => known.native === buffer.native);
  if (index < 0) index = buffers.push(buffer) - 1;
  return { buffer: index, offset: buffer.byteOffset };
}
