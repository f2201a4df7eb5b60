// What rules make of whole parameters between two passes of a step (Muon, Adafactor): the first pass gathers from the gradients,
// the second applies what was made of it.

import type { DeviceBuffer } from "../device/buffer.js";
import type { Shape } from "../device/dtype.js";
import { STEP } from "../device/encode.js";
import { ArgumentError } from "../errors.js";
import type { Parameter } from "../tensor/parameter.js";
import { output, type Recorder } from "../tensor/recorder.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Segment } from "./layout.js";
import type { OptimizerMemory, RunMemory } from "./memory.js";

/** Name, as core/rules/all.h has it, of the state that is room for what is gathered and applied. */
export const ROOM = "update";

/** What a class says of a rule that gathers. */
export interface Composition {
  /** Shapes of what is kept of a parameter of this shape, by name: f32, 0 at first. */
  states(shape: Shape): Readonly<Record<string, Shape>>;
  /** Records what is made of one parameter; gives what the rule applies, of the parameter's shape. */
  compose(gathered: Gathered): Tensor;
}

/** One parameter after the first pass, while a step is recorded. */
export class Gathered {
  readonly #after: (readonly [buffer: DeviceBuffer<"f32">, value: Tensor])[] = [];

  constructor(
    readonly recorder: Recorder,
    readonly memory: OptimizerMemory,
    readonly place: { readonly segment: Segment; readonly memory: RunMemory },
  ) {}

  get shape(): Shape {
    return this.place.segment.parameter.shape;
  }

  /** What was gathered, f32, of the parameter's shape. */
  get gathered(): Tensor {
    return this.recorder.lift("compose: what was gathered", this.#room);
  }

  get #room(): DeviceBuffer {
    const { segment, memory } = this.place;
    const state = memory.states.find(({ name }) => name === ROOM);
    return (state as { data: DeviceBuffer }).data.view(segment.at, this.shape);
  }

  /** The parameter before the step, in f32. */
  get value(): Tensor {
    const { value } = this.place.segment.parameter;
    if (value.dtype === "f32") return this.recorder.lift("compose: the parameter", value);
    const y = output(value.shape);
    this.recorder.emit("cast", { from: value.dtype, to: "f32", n: value.length, x: value, y });
    return y;
  }

  /** A scalar of the rule's Step, by its place there: f32 [1]. */
  scalar(place: number): Tensor {
    const { prepared, plan } = this.memory;
    const at = STEP.control + this.place.segment.group * plan.row + STEP.rowHead + place;
    return this.recorder.lift("compose: a scalar", prepared.view(at, [1]));
  }

  /** What is kept of the parameter under this name. */
  state(name: string): Tensor {
    return this.recorder.lift("compose: a state", this.#kept(name));
  }

  #kept(name: string): DeviceBuffer<"f32"> {
    return this.place.memory.kept.get(this.place.segment.parameter)?.[name] as DeviceBuffer<"f32">;
  }

  /** Keeps this under the name, if the step is taken. */
  keep(name: string, value: Tensor): void {
    this.#after.push([this.#kept(name), value]);
  }

  /** Internal: records the composition. */
  record(composition: Composition): void {
    const { recorder, memory } = this;
    const x = composition.compose(this);
    recorder.leaveIn(x, this.#room);
    for (const [y, value] of this.#after)
      recorder.emit("commit", { n: y.length, prepared: memory.prepared, x: value, y });
  }
}

/** Throws for a table whose gradients are lists of rows: some rows of it are no whole parameter. */
export function refuseTables(owner: string, parameters: readonly Parameter[]): void {
  const table = parameters.find(({ sparse }) => sparse);
  if (!table) return;
  const accepted = "parameters with dense gradients: the rule takes them as a whole";
  throw new ArgumentError({
    argument: `${owner}: 'parameters'`,
    got: `the sparse table "${table.name}"`,
    accepted,
  });
}
