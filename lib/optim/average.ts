// Parameters that are their running mean for a while.

import type { DeviceBuffer } from "../device/buffer.js";
import type { ParameterType } from "../tensor/parameter.js";
import type { OptimizerMemory, RunMemory } from "./memory.js";

/** Puts the running mean where the parameters are, for as long as somebody wants it so, and then the same bits back. */
export class AverageScope {
  readonly #memory: OptimizerMemory;
  #users = 0;
  #kept = new Map<RunMemory, DeviceBuffer<ParameterType>>();

  constructor(memory: OptimizerMemory) {
    this.#memory = memory;
  }

  /** Whether the parameters are their running mean now. */
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
    for (const { parameter, kept } of this.#places()) parameter.copyFrom(kept);
    this.#forget();
  }

  #exchange(): void {
    const { device, runs } = this.#memory;
    try {
      for (const memory of runs)
        this.#kept.set(memory, device.allocUninitialized(memory.run.value.dtype, [memory.run.length]));
    } catch (error) {
      this.#forget(); // nothing is exchanged yet
      throw error;
    }
    for (const { parameter, kept, mean } of this.#places()) {
      kept.copyFrom(parameter);
      parameter.castFrom(mean);
    }
  }

  /** Parameters one by one: what is between them belongs to somebody else. */
  *#places() {
    for (const { segment, memory } of this.#memory.places()) {
      const { value: parameter } = segment.parameter;
      const kept = this.#kept.get(memory)?.view(segment.at, parameter.shape);
      const mean = memory.average?.view(segment.at, parameter.shape);
      if (kept && mean) yield { parameter, kept, mean };
    }
  }

  #forget(): void {
    for (const buffer of this.#kept.values()) buffer.dispose();
    this.#kept.clear();
  }
}
