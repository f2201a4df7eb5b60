// From a recorded list and its memory plan to a native program.

import type { DeviceBuffer } from "../device/buffer.js";
import type { Device } from "../device/device.js";
import { sizeOf } from "../device/dtype.js";
import { encode, type Fields } from "../device/encode.js";
import { EXACT_MEMORY, type NativeProgram } from "../native/native.js";
import type { Plan } from "./plan.js";
import type { Node } from "./recorder.js";
import type { Memory, Tensor } from "./tensor.js";

/** A native program, and what its planned blocks are in: one arena, or a buffer each. */
export interface Compiled {
  readonly native: NativeProgram;
  readonly owned: readonly DeviceBuffer[];
}

function tripleOf(index: (memory: Memory) => { buffer: number; offset: number }, tensor: Tensor): number[] {
  const place = index(tensor.memory);
  return [place.buffer, place.offset + tensor.byteOffset, tensor.length * sizeOf(tensor.dtype)];
}

/** Encodes the list, with `inputs` written before a run and `outputs` read after it. */
export function compile(
  device: Device,
  nodes: readonly Node[],
  planned: Plan,
  inputs: Tensor[],
  outputs: Tensor[],
): Compiled {
  const blocks = EXACT_MEMORY ? [...planned.offsets.keys()] : [];
  const sizes = EXACT_MEMORY ? blocks.map((memory) => memory.bytes) : [planned.bytes];
  const owned = sizes.map((bytes) => device.allocUninitialized("u8", [bytes]));
  const buffers: DeviceBuffer[] = [...owned];
  const place = (memory: Memory): { buffer: number; offset: number } => {
    if (memory.external === undefined) {
      if (EXACT_MEMORY) return { buffer: blocks.indexOf(memory), offset: 0 };
      return { buffer: 0, offset: planned.offsets.get(memory) ?? 0 };
    }
    const { external } = memory;
    let buffer = buffers.findIndex((known) => known.native === external.native);
    if (buffer < 0) buffer = buffers.push(external) - 1;
    return { buffer, offset: external.byteOffset };
  };
  const words: number[] = [];
  for (const node of nodes) {
    const fields: Record<string, Fields[string]> = {};
    for (const [name, value] of Object.entries(node.fields)) {
      if (typeof value !== "object" || Array.isArray(value)) fields[name] = value as Fields[string];
    }
    for (const { field, memory, byteOffset } of node.spans) {
      const { buffer, offset } = place(memory);
      fields[field] = { buffer, offset: offset + byteOffset };
    }
    encode(words, node.op.name, fields);
  }
  const inputWords = inputs.flatMap((tensor) => tripleOf(place, tensor));
  const outputWords = outputs.flatMap((tensor) => tripleOf(place, tensor));
  const native = device.native.program(
    Float64Array.from(words),
    buffers.map((buffer) => buffer.native),
    Float64Array.from(inputWords),
    Float64Array.from(outputWords),
  );
  return { native, owned };
}
