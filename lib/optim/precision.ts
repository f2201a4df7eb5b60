// Optimizer state in memory: f32, bf16, or 8 bits with a scale for every 128 elements (core/packed.h has the formats; here
// they are read and written for files).

import { fromBF16, toBF16 } from "../device/bf16.js";
import type { DeviceBuffer } from "../device/buffer.js";
import type { Device } from "../device/device.js";
import { STEP } from "../device/encode.js";

/** How a state is kept: 4, 2 or 1.03 bytes per element. bf16 and 8 bits are rounded stochastically. */
export type Precision = "f32" | "bf16" | "u8";

/** One state of a run of parameters. */
export interface State {
  readonly name: string;
  readonly precision: Precision;
  /** Whether it holds sums or means of squares: then its 8-bit codes have no sign. */
  readonly squares: boolean;
  /** Whether it is never negative, and divides: then what is not zero stays so in 8 bits. */
  readonly positive: boolean;
  readonly data: DeviceBuffer<Precision>;
  /** With 8 bits: the largest magnitude of each block. */
  readonly largest: DeviceBuffer<"f32"> | undefined;
}

/** Memory for a state of `length` elements, all zero. */
export function allocate(
  device: Device,
  length: number,
  state: Pick<State, "name" | "precision" | "squares" | "positive">,
): State {
  const { precision } = state;
  const largest = precision === "u8" ? device.alloc("f32", [Math.ceil(length / STEP.scaleBlock)]) : undefined;
  return { ...state, data: device.alloc(precision, [length]), largest };
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

/** The nearest code. */
function encode(x: number, { squares, positive }: Pick<State, "squares" | "positive">): number {
  const a = Math.abs(x);
  const table = squares ? DECODED.squares : DECODED.signed;
  let [low, high] = [0, squares ? 248 : 120];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((table[middle] as number) <= a) low = middle;
    else high = middle;
  }
  const nearest = a - (table[low] as number) < (table[high] as number) - a ? low : high;
  const code = positive && a > 0 ? Math.max(1, nearest) : nearest;
  return !squares && (x < 0 || Object.is(x, -0)) ? code | 0x80 : code;
}

/** Enqueues setting `length` elements from a multiple of a block on to `value`, which 8 bits hold exactly. */
export function fillState(state: State, at: number, length: number, value: number): void {
  const data = state.data.view(at, [length]);
  if (state.precision !== "u8") {
    data.fill(value);
    return;
  }
  data.fill(value === 0 ? 0 : encode(Math.sign(value), state));
  const blocks = Math.ceil(length / STEP.scaleBlock);
  state.largest?.view(at / STEP.scaleBlock, [blocks]).fill(Math.abs(value));
}

/** A view of memory that starts at a multiple of a block and covers `length` elements, as f32. */
export async function readState(state: State, at: number, length: number): Promise<Float32Array> {
  if (state.precision === "f32") {
    return (state.data as DeviceBuffer<"f32">).view(at, [length]).read();
  }
  if (state.precision === "bf16") {
    return fromBF16(await (state.data as DeviceBuffer<"bf16">).view(at, [length]).read());
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

/** Writes f32 values into a state, rounded to the nearest: what `readState` gave comes back bit for bit. */
export function writeState(state: State, at: number, values: Float32Array): void {
  const { length } = values;
  if (state.precision === "f32") {
    (state.data as DeviceBuffer<"f32">).view(at, [length]).write(values);
    return;
  }
  if (state.precision === "bf16") {
    (state.data as DeviceBuffer<"bf16">).view(at, [length]).write(toBF16(values));
    return;
  }
  const blocks = Math.ceil(length / STEP.scaleBlock);
  const blockOf = (i: number): number => Math.floor(i / STEP.scaleBlock);
  const largest = new Float32Array(blocks);
  for (const [i, value] of values.entries())
    largest[blockOf(i)] = Math.max(largest[blockOf(i)] as number, Math.abs(value));
  const codes = Uint8Array.from(values, (value, i) => {
    const most = largest[blockOf(i)] as number;
    return most > 0 ? encode(value / most, state) : 0;
  });
  (state.data as DeviceBuffer<"u8">).view(at, [length]).write(codes);
  (state.largest as DeviceBuffer<"f32">).view(at / STEP.scaleBlock, [blocks]).write(largest);
}
