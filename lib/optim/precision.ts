// Optimizer state in memory: f32, bf16, or 8 bits with a scale for every 128 elements (core/packed.h has the formats; here
// they are read and written for files).

import type { DeviceBuffer } from "../device/buffer.js";
import type { Device } from "../device/device.js";
import { STEP } from "../device/encode.js";

/** How a state is kept: 4, 2 or 1.03 bytes per element. bf16 and 8 bits are rounded stochastically. */
export type Precision = "f32" | "bf16" | "u8";

/** One state of a run of parameters. */
export interface State {
  readonly name: string;
  readonly precision: Precision;
  /** Whether it holds a mean of squares, whose 8-bit codes have no sign. */
  readonly squares: boolean;
  readonly data: DeviceBuffer<"f32" | "u8">;
  /** With 8 bits: the largest magnitude of each block. */
  readonly largest: DeviceBuffer<"f32"> | undefined;
}

/** Memory for a state of `length` elements, all zero. */
export function allocate(
  device: Device,
  length: number,
  state: Pick<State, "name" | "precision" | "squares">,
): State {
  const { precision } = state;
  const largest = precision === "u8" ? device.alloc("f32", [Math.ceil(length / STEP.scaleBlock)]) : undefined;
  const data =
    precision === "f32"
      ? device.alloc("f32", [length])
      : device.alloc("u8", [precision === "bf16" ? 2 * length : length]);
  return { ...state, data, largest };
}

export function bytesOf({ data, largest }: State): number {
  return data.byteLength + (largest?.byteLength ?? 0);
}

const EXPONENT = { signed: 2 ** -14, squares: 2 ** -30 }; // of the first octave

function decode(code: number, squares: boolean): number {
  const magnitude = squares ? code : code & 0x7f;
  const first = squares ? EXPONENT.squares : EXPONENT.signed;
  const value =
    magnitude < 8 ? (magnitude / 8) * first : (1 + (magnitude & 7) / 8) * first * 2 ** ((magnitude >> 3) - 1);
  return !squares && code & 0x80 ? -value : value;
}

const DECODED = {
  signed: Float64Array.from({ length: 256 }, (_, code) => decode(code, false)),
  squares: Float64Array.from({ length: 256 }, (_, code) => decode(code, true)),
};

/** The nearest code; what is not zero stays so among squares. */
function encode(x: number, squares: boolean): number {
  const a = Math.abs(x);
  const table = squares ? DECODED.squares : DECODED.signed;
  let [low, high] = [0, squares ? 248 : 120];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((table[middle] as number) <= a) low = middle;
    else high = middle;
  }
  const nearest = a - (table[low] as number) < (table[high] as number) - a ? low : high;
  if (squares) return a > 0 ? Math.max(1, nearest) : nearest;
  return x < 0 || Object.is(x, -0) ? nearest | 0x80 : nearest;
}

/** A view of memory that starts at a multiple of a block and covers `length` elements, as f32. */
export async function readState(state: State, at: number, length: number): Promise<Float32Array> {
  if (state.precision === "f32") {
    return (state.data as DeviceBuffer<"f32">).view(at, [length]).read();
  }
  if (state.precision === "bf16") {
    const bytes = await (state.data as DeviceBuffer<"u8">).view(2 * at, [2 * length]).read();
    const codes = new Uint16Array(bytes.buffer, bytes.byteOffset, length);
    return new Float32Array(Uint32Array.from(codes, (code) => code << 16).buffer);
  }
  const first = at / STEP.scaleBlock;
  const [codes, largest] = await Promise.all([
    (state.data as DeviceBuffer<"u8">).view(at, [length]).read(),
    (state.largest as DeviceBuffer<"f32">).view(first, [Math.ceil(length / STEP.scaleBlock)]).read(),
  ]);
  const table = state.squares ? DECODED.squares : DECODED.signed;
  return Float32Array.from(
    codes,
    (code, i) => (table[code] as number) * (largest[Math.floor(i / STEP.scaleBlock)] as number),
  );
}

/** Rounds to bf16, to the nearest, ties to even. */
function roundToHalf(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40; // NaN stays NaN
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** Writes f32 values into a state, rounded to the nearest: what `readState` gave comes back bit for bit. */
export function writeState(state: State, at: number, values: Float32Array): void {
  const { length } = values;
  if (state.precision === "f32") {
    (state.data as DeviceBuffer<"f32">).view(at, [length]).write(values);
    return;
  }
  const data = state.data as DeviceBuffer<"u8">;
  if (state.precision === "bf16") {
    const bits = new Uint32Array(values.buffer, values.byteOffset, length);
    data.view(2 * at, [2 * length]).write(new Uint8Array(Uint16Array.from(bits, roundToHalf).buffer));
    return;
  }
  const blocks = Math.ceil(length / STEP.scaleBlock);
  const blockOf = (i: number): number => Math.floor(i / STEP.scaleBlock);
  const largest = new Float32Array(blocks);
  for (const [i, value] of values.entries())
    largest[blockOf(i)] = Math.max(largest[blockOf(i)] as number, Math.abs(value));
  const codes = Uint8Array.from(values, (value, i) => {
    const most = largest[blockOf(i)] as number;
    return most > 0 ? encode(value / most, state.squares) : 0;
  });
  data.view(at, [length]).write(codes);
  (state.largest as DeviceBuffer<"f32">).view(at / STEP.scaleBlock, [blocks]).write(largest);
}
