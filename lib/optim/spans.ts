// The flat memory of an optimizer: contiguous runs of parameters, with gradients and states laid out alike.

import type { DeviceBuffer } from "../device/buffer.js";
import type { Device } from "../device/device.js";
import { ArgumentError, describe, ShapeError } from "../errors.js";
import { Parameter } from "../tensor/parameter.js";

/** A contiguous run of parameters that one update covers. */
export interface Segment {
  readonly value: DeviceBuffer<"f32">;
  readonly gradient: DeviceBuffer<"f32">;
  readonly states: readonly DeviceBuffer<"f32">[];
}

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
  for (const { name, value } of checked) {
    device.own(`${argument}, "${name}"`, value);
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

const GAP = 256; // bytes: parameters of a model start at multiples of this, so neighbours are less than this far apart

/** Cuts parameters into runs that lie one after the other in one block, in their order. */
function runsOf(parameters: readonly Parameter[]): Parameter[][] {
  const runs: Parameter[][] = [];
  for (const parameter of parameters) {
    const last = runs.at(-1)?.at(-1);
    if (last && follows(last, parameter)) (runs.at(-1) as Parameter[]).push(parameter);
    else runs.push([parameter]);
  }
  return runs;
}

/**
 * Whether one update covers both: neighbours of one model without gradients of their own. The padding between them is
 * zero in values, gradients and states, and an update of zeros by a zero gradient leaves zeros.
 */
function follows(last: Parameter, next: Parameter): boolean {
  const gap = next.value.byteOffset - last.value.byteOffset - last.value.byteLength;
  const model = last.packed && next.packed && last.value.native === next.value.native;
  return model && gap >= 0 && gap < GAP && last.grad === undefined && next.grad === undefined;
}

interface Slot {
  readonly parameter: Parameter;
  readonly states: readonly DeviceBuffer<"f32">[];
}

/** Gradients and states of all parameters, in buffers that are laid out as the parameters are. */
export class FlatSpans {
  readonly segments: Segment[] = [];
  readonly #slots: Slot[] = [];
  readonly #owned: DeviceBuffer<"f32">[] = [];
  readonly #stateNames: readonly string[];
  #gradientBytes = 0;
  #stateBytes = 0;

  constructor(
    device: Device,
    parameters: readonly Parameter[],
    stateNames: readonly string[],
    initial: number,
  ) {
    this.#stateNames = stateNames;
    for (const run of runsOf(parameters)) this.#add(device, run, initial);
  }

  #add(device: Device, run: readonly Parameter[], initial: number): void {
    const [first, last] = [run[0] as Parameter, run.at(-1) as Parameter];
    const start = first.value.byteOffset;
    const length = (last.value.byteOffset + last.value.byteLength - start) / 4;
    const whole = first.value.spanning(length);
    const gradient = first.grad ?? this.#own(device.alloc("f32", [length]));
    if (!first.grad) this.#gradientBytes += length * 4;
    const states = this.#stateNames.map(() => {
      const state = this.#own(device.alloc("f32", [length]));
      this.#stateBytes += length * 4;
      return state;
    });
    this.segments.push({ value: whole, gradient, states });
    for (const parameter of run) {
      const at = (parameter.value.byteOffset - start) / 4;
      parameter.grad ??= gradient.view(at, parameter.shape);
      const views = states.map((state) => state.view(at, parameter.shape));
      if (initial !== 0) for (const view of views) view.fill(initial);
      this.#slots.push({ parameter, states: views });
    }
  }

  #own(buffer: DeviceBuffer<"f32">): DeviceBuffer<"f32"> {
    this.#owned.push(buffer);
    return buffer;
  }

  get gradientSpans(): DeviceBuffer<"f32">[] {
    return this.segments.map(({ gradient }) => gradient);
  }

  get bytes(): { readonly gradients: number; readonly state: number } {
    return { gradients: this.#gradientBytes, state: this.#stateBytes };
  }

  /** Copies of all states by parameter and state name. */
  async readStates(): Promise<Record<string, Record<string, Float32Array>>> {
    const entries = this.#slots.map(async ({ parameter, states }) => {
      const arrays = await Promise.all(states.map((state) => state.read()));
      return [
        parameter.name,
        Object.fromEntries(this.#stateNames.map((name, i) => [name, arrays[i] as Float32Array])),
      ] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  }

  /** Writes states by name, all or none. */
  writeStates(owner: string, given: Readonly<Record<string, Readonly<Record<string, Float32Array>>>>): void {
    const known = this.#slots.map(({ parameter }) => parameter.name);
    const unknown = Object.keys(given ?? {}).find((name) => !known.includes(name));
    if (unknown !== undefined)
      throw new ArgumentError({ argument: owner, got: `state of "${unknown}"`, accepted: known.join(", ") });
    for (const { parameter, states } of this.#slots) {
      for (const [i, name] of this.#stateNames.entries()) {
        const data = given?.[parameter.name]?.[name];
        if (!(data instanceof Float32Array) || data.length !== (states[i] as DeviceBuffer).length) {
          throw new ShapeError({
            argument: `${owner}: '${parameter.name}.${name}'`,
            got: data instanceof Float32Array ? `${data.length} elements` : describe(data),
            accepted: `a Float32Array of ${(states[i] as DeviceBuffer).length} elements`,
          });
        }
      }
    }
    for (const { parameter, states } of this.#slots) {
      for (const [i, name] of this.#stateNames.entries()) {
        (states[i] as DeviceBuffer<"f32">).write(given[parameter.name]?.[name] as Float32Array);
      }
    }
  }

  dispose(): void {
    for (const { parameter } of this.#slots)
      if (this.#owned.some((buffer) => isViewOf(parameter.grad, buffer))) parameter.grad = undefined;
    for (const buffer of this.#owned) buffer.dispose();
  }
}

function isViewOf(view: DeviceBuffer | undefined, buffer: DeviceBuffer): boolean {
  return view !== undefined && !buffer.disposed && !view.disposed && view.native === buffer.native;
}
