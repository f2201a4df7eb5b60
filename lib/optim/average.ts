// Parameters that are their average for a while: the running mean that an optimizer keeps of them, or the one that is a part of
// its rule.

import type { DeviceBuffer } from "../device/buffer.js";
import type { Parameter, ParameterType } from "../tensor/parameter.js";
import type { OwnAverage } from "./family.js";
import type { OptimizerMemory } from "./memory.js";

/** A parameter with what its average is made of. */
interface Averaged {
  readonly parameter: Parameter;
  /** Its running mean, if the optimizer keeps one. */
  readonly mean: DeviceBuffer | undefined;
  /** One of its states. */
  state(name: string): DeviceBuffer<"f32"> | undefined;
}

/** A parameter, and a copy of what it was. */
type Held = readonly [of: Averaged, kept: DeviceBuffer<ParameterType>];

/** Puts the average where the parameters are, for as long as somebody wants it so, and then the same bits back. */
export class AverageScope {
  readonly #memory: OptimizerMemory;
  readonly #own: (parameter: Parameter) => OwnAverage | undefined;
  #users = 0;
  #held: Held[] = [];

  /** `own` tells the average that the rule of a parameter keeps, if it does. */
  constructor(memory: OptimizerMemory, own: (parameter: Parameter) => OwnAverage | undefined) {
    this.#memory = memory;
    this.#own = own;
  }

  /** Whether the parameters are their average now. */
  get active(): boolean {
    return this.#users > 0;
  }

  enter(): void {
    if (this.#users === 0) this.#exchange();
    this.#users += 1;
  }

  leave(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#restore();
  }

  #exchange(): void {
    const { device } = this.#memory;
    try {
      for (const of of this.#averaged()) {
        const { dtype, shape } = of.parameter.value;
        const kept = device.allocUninitialized(dtype, shape);
        kept.copyFrom(of.parameter.value);
        this.#held.push([of, kept]);
      }
      for (const [of, kept] of this.#held) {
        const { value } = of.parameter;
        const own = this.#own(of.parameter);
        const state = own && of.state(own.state);
        if (own && state) exchangeOwn(value, kept, state, own.share);
        else if (of.mean) value.castFrom(of.mean);
      }
    } catch (error) {
      this.#restore(); // some may be exchanged: that takes memory, too
      throw error;
    }
  }

  /** Parameters one by one: what is between them belongs to somebody else. */
  *#averaged(): Generator<Averaged> {
    for (const { segment, memory } of this.#memory.places()) {
      const { at, parameter } = segment;
      const view = (buffer: DeviceBuffer | undefined) => buffer?.view(at, parameter.shape);
      yield {
        parameter,
        mean: view(memory.average),
        state: (name) =>
          view(memory.states.find((state) => state.name === name)?.data) as DeviceBuffer<"f32"> | undefined,
      };
    }
    for (const table of this.#memory.tables)
      yield { parameter: table.parameter, mean: undefined, state: (name) => table.state(name) };
  }

  #restore(): void {
    for (const [{ parameter }, kept] of this.#held) {
      parameter.value.copyFrom(kept);
      kept.dispose();
    }
    this.#held = [];
  }
}

/** x = y + (1 / share - 1) (y - z), which is (y - (1 - share) z) / share: `value` becomes x. In f32, and then rounded to the nearest. */
function exchangeOwn(
  value: DeviceBuffer<ParameterType>,
  y: DeviceBuffer<ParameterType>,
  z: DeviceBuffer<"f32">,
  share: number,
): void {
  const { device, length: n } = value;
  if (n === 0) return;
  const whole = value.dtype === "f32";
  using wide = device.allocUninitialized("f32", [whole ? 0 : n]);
  using room = device.allocUninitialized("f32", [whole ? 0 : n]);
  const [from, to] = whole ? [y, value] : [wide, room];
  if (!whole) wide.castFrom(y);
  const places = { shape: [n], aStrides: [1], bStrides: [1], y: to };
  device.run("binary", { fn: "sub", ...places, a: from, b: z });
  device.run("unary", { fn: "affine", n, alpha: 1 / share - 1, beta: 0, x: to, y: to });
  device.run("binary", { fn: "add", ...places, a: to, b: from });
  if (!whole) value.castFrom(room);
}
