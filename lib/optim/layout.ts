// Where the parameters of an optimizer lie: runs of parameters in one block of memory, each updated by one launch, and the
// table of segments that tells the launch where each parameter is.

import type { DeviceBuffer } from "../device/buffer.js";
import type { Device } from "../device/device.js";
import { sizeOf } from "../device/dtype.js";
import { STEP } from "../device/encode.js";
import { ArgumentError, DTypeError, describe } from "../errors.js";
import { Parameter, type ParameterType } from "../tensor/parameter.js";

/** A parameter in the table. Places are elements from the start of the run's memory. */
export interface Segment {
  readonly parameter: Parameter;
  readonly group: number;
  /** Where its states start, and its gradient if the optimizer made it. */
  readonly at: number;
}

/** Parameters that one launch updates: all in one block of memory, their gradients too. */
export interface Run {
  readonly segments: readonly Segment[];
  /** Memory from the first parameter to the end of the last. */
  readonly value: DeviceBuffer<ParameterType>;
  /** That of the gradients, if the user brought them. */
  readonly gradient: DeviceBuffer<ParameterType> | undefined;
  /** Elements of each state, with padding. */
  readonly length: number;
  readonly firstSegment: number;
  readonly firstTile: number;
  readonly tiles: number;
}

/** All runs, and the table over them, segments in the order of the runs. */
export interface Layout {
  readonly runs: readonly Run[];
  readonly segments: readonly Segment[];
  readonly tiles: number;
  /** Words of core/segment.h. */
  readonly table: BigInt64Array;
}

const PAD = 256; // elements: 16-byte accesses in every type, and whole blocks of states that share a scale

/** Distinct parameters on one device; throws otherwise. */
export function checkParameters(
  owner: string,
  parameters: unknown,
): { device: Device; parameters: readonly Parameter[] } {
  const argument = `${owner}: 'parameters'`;
  const list = Array.isArray(parameters) ? Array.from(parameters as unknown[]) : undefined;
  const [first] = list ?? [];
  if (!list?.every((p) => p instanceof Parameter) || !(first instanceof Parameter)) {
    throw new ArgumentError({
      argument,
      got: describe(parameters),
      accepted: "a non-empty array of Parameters",
    });
  }
  const checked = list as readonly Parameter[];
  const { device } = first.value;
  const names = new Set<string>();
  for (const { name, value, grad } of checked) {
    device.own(`${argument}, "${name}"`, value);
    // `parameter()` checked it, but `grad` can be set.
    if (grad && grad.dtype !== value.dtype)
      throw new DTypeError({
        argument: `${argument}, the gradient of "${name}"`,
        got: grad.dtype,
        accepted: value.dtype,
      });
    if (names.has(name))
      throw new ArgumentError({ argument, got: `two named "${name}"`, accepted: "distinct names" });
    names.add(name);
  }
  checkApart(
    argument,
    checked.map(({ name, value }) => [name, value]),
  );
  checkApart(
    argument,
    checked.flatMap(({ name, grad }) => (grad ? [[`the gradient of ${name}`, grad] as const] : [])),
  );
  return { device, parameters: checked };
}

/** Memory that no two share: each would undo what the other wrote. */
function checkApart(argument: string, buffers: readonly (readonly [string, DeviceBuffer])[]): void {
  const ends = new Map<unknown, { name: string; end: number }>();
  for (const [name, { native, byteOffset, byteLength }] of [...buffers].sort(
    (a, b) => a[1].byteOffset - b[1].byteOffset,
  )) {
    const before = ends.get(native);
    if (before && before.end > byteOffset) {
      throw new ArgumentError({
        argument,
        got: `${before.name} and ${name} in the same memory`,
        accepted: "memory of its own for each",
      });
    }
    ends.set(native, { name, end: byteOffset + byteLength });
  }
}

/** Parameters by the memory that they and their gradients are in, each list in the order of the parameters. */
function byMemory(parameters: readonly Parameter[]): Parameter[][] {
  const lists: Parameter[][] = [];
  for (const parameter of parameters) {
    const { value, grad } = parameter;
    // A gradient in the block of the values would lie inside the span of the run.
    const mixed = grad?.native === value.native;
    const list = lists.find(([first]) => {
      const same = first && first.value.native === value.native && first.value.dtype === value.dtype;
      return same && !mixed && first.grad?.native === grad?.native && first.grad?.native !== value.native;
    });
    if (list) list.push(parameter);
    else lists.push([parameter]);
  }
  return lists;
}

/** From the first to the end of the last of the buffers, which are in one block. */
function spanOf(buffers: readonly DeviceBuffer<ParameterType>[]): DeviceBuffer<ParameterType> {
  const [first] = [...buffers].sort((a, b) => a.byteOffset - b.byteOffset) as [DeviceBuffer<ParameterType>];
  const end = Math.max(...buffers.map(({ byteOffset, byteLength }) => byteOffset + byteLength));
  return first.spanning((end - first.byteOffset) / sizeOf(first.dtype));
}

/** Elements from the start of a buffer to that of another in the same memory. */
export const placeIn = (from: DeviceBuffer, buffer: DeviceBuffer): number =>
  (buffer.byteOffset - from.byteOffset) / sizeOf(from.dtype);

const tilesOf = (length: number): number => Math.ceil(length / STEP.tile);

/** Lays out the parameters; `groupOf` tells the group of each. */
export function layOut(parameters: readonly Parameter[], groupOf: (parameter: Parameter) => number): Layout {
  const runs: Run[] = [];
  const words: number[] = [];
  let [firstSegment, firstTile] = [0, 0];
  for (const list of byMemory(parameters)) {
    const value = spanOf(list.map((parameter) => parameter.value));
    const grads = list.flatMap(({ grad }) => grad ?? []);
    const gradient = grads.length > 0 ? spanOf(grads) : undefined;
    const segments: Segment[] = [];
    let [at, tiles] = [0, 0];
    for (const parameter of list) {
      const { length } = parameter.value;
      const group = groupOf(parameter);
      const g = parameter.grad && gradient ? placeIn(gradient, parameter.grad) : at;
      words.push(firstTile + tiles, length, placeIn(value, parameter.value), g, at, group);
      segments.push({ parameter, group, at });
      at += Math.ceil(length / PAD) * PAD;
      tiles += tilesOf(length);
    }
    runs.push({ segments, value, gradient, length: at, firstSegment, firstTile, tiles });
    firstSegment += segments.length;
    firstTile += tiles;
  }
  const segments = runs.flatMap((run) => run.segments);
  return { runs, segments, tiles: firstTile, table: BigInt64Array.from(words, BigInt) };
}
