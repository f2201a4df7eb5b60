// The typed surface of the addon, one to one with binding/. Nothing here is public.

import { setImmediate } from "node:timers";
import { type AdastepError, makeError } from "../errors.js";
import { load } from "./load.js";

/**
 * `ADASTEP_POOL=exact`, for memory checkers: whatever shares a block of device memory otherwise gets one of its own, of
 * exactly its size, and the addon keeps none for reuse. So an overrun hits nobody's memory unseen.
 */
export const EXACT_MEMORY = process.env.ADASTEP_POOL === "exact";

export type TypedArray = Float32Array | Int32Array | Uint8Array | Float64Array | Uint16Array;

/**
 * What the operands of a matrix product are rounded to as they are read, to the nearest with ties to even: `"f32"` not at all,
 * `"bf16"` to 8 significant bits, with the range of f32. Sums, results and all memory are f32.
 */
export type ComputePrecision = "f32" | "bf16";

/** A device as the machine offers it. */
export interface DeviceInfo {
  readonly kind: "cpu" | "cuda";
  readonly index: number;
  /** Of the processor or GPU. */
  readonly name: string;
  /** Instruction-set level of a CPU (`baseline`, `v3`, `v4`, `neon`), compute capability of a GPU (`8.0`). */
  readonly capability: string;
  readonly memoryBytes: number;
  /** Threads that compute; 0 on a GPU. */
  readonly threads: number;
  /** What the operands of matrix products can be rounded to: bf16 on a GPU takes compute capability 8.0. */
  readonly precisions: readonly ComputePrecision[];
  /** Why it cannot be used, in words; empty if it can. */
  readonly unavailable: string;
}

/** Memory of a device, in bytes. */
export interface MemoryStats {
  /** In buffers that exist. */
  readonly live: number;
  /** Taken from the system: live, and kept for reuse. */
  readonly reserved: number;
  /** The largest `live` so far. */
  readonly peak: number;
  /** What was asked for, else all that the device has. */
  readonly limit: number;
}

type Callback<T> = (error: AdastepError | undefined, value: T) => void;

export interface NativeBuffer {
  dispose(): void;
  bytes(): number;
}

export interface NativeProgram {
  run(inputs: readonly TypedArray[], callback: Callback<ArrayBuffer>): void;
  dispose(): void;
}

export interface NativeDevice {
  info(): DeviceInfo;
  memory(): MemoryStats;
  alloc(bytes: number): NativeBuffer;
  submit(words: Float64Array, buffers: readonly NativeBuffer[]): void;
  /** `inputs` and `outputs` are triples (buffer, byte offset, bytes). */
  program(
    words: Float64Array,
    buffers: readonly NativeBuffer[],
    inputs: Float64Array,
    outputs: Float64Array,
  ): NativeProgram;
  write(buffer: NativeBuffer, byteOffset: number, data: TypedArray): void;
  /**
   * From now on runs read arrays in this memory where they lie, over a SharedArrayBuffer: it has to stay as it is until they
   * are done. The device keeps it alive until it is unstaged, or closed, and nothing reads it any more.
   */
  stage(memory: Uint8Array): void;
  /** From now on runs copy arrays in this memory at the call. */
  unstage(memory: Uint8Array): void;
  read(buffer: NativeBuffer, byteOffset: number, bytes: number, callback: Callback<ArrayBuffer>): void;
  sync(callback: Callback<undefined>): void;
  reset(): void;
  close(callback: Callback<undefined>): void;
}

export interface Field {
  readonly name: string;
  readonly kind: "choice" | "count" | "real" | "flag" | "dims" | "in" | "out" | "inout";
  readonly optional: boolean;
  readonly values: readonly string[];
}

export interface Schema {
  readonly ops: readonly { readonly name: string; readonly fields: readonly Field[] }[];
  /** `states` separated by spaces; `hyper` and `running` count doubles, `step` counts floats. */
  readonly rules: readonly {
    readonly name: string;
    readonly states: string;
    readonly hyper: number;
    readonly running: number;
    readonly step: number;
    /** Which state is where the last update came from, which the second moment; -1: none. */
    readonly direction: number;
    readonly second: number;
    /** Which states are sums or means of squares, whose 8-bit codes have no sign: as bits. */
    readonly squares: number;
    /** Which states are never negative, and divide: as bits. */
    readonly positive: number;
    /** Whether it takes sums over all parameters before the update. */
    readonly measures: boolean;
  }[];
  /** Counts of elements and of words. */
  readonly step: {
    readonly tile: number;
    readonly scaleBlock: number;
    readonly segment: number;
    readonly sums: number;
    readonly gradientSums: number;
    readonly control: number;
    readonly rowHead: number;
    readonly settings: number;
    readonly guard: number;
    readonly window: number;
    readonly log: number;
  };
}

export interface Native {
  initialize(factory: typeof makeError): void;
  /** Asking for `cuda` opens the driver, which takes a moment. */
  devices(kind: DeviceInfo["kind"]): DeviceInfo[];
  schema(): Schema;
  liveBytes(): number;
  open(
    kind: string,
    index: number,
    threads: number,
    level: string,
    memoryLimit: number,
    callback: Callback<NativeDevice>,
  ): void;
}

export const native = load() as Native;
native.initialize(makeError);

/**
 * The result of a native function that ends with a callback, as a promise. It settles after the event loop has turned: results
 * that come quickly, each of work that the one before started, would otherwise hold timers, signals and sockets up, as Node
 * calls a thread-safe function up to a thousand times in a row (node_api.cc, ThreadSafeFunction::Dispatch).
 */
export function promised<T>(start: (callback: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => setImmediate(() => (error === undefined ? resolve(value) : reject(error))));
  });
}
