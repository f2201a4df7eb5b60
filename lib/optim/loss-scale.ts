// The factor on the loss of steps that scale it, which the guard adapts on the device.

import type { Recorder } from "../tensor/recorder.js";
import { reshape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { GUARD } from "./guard.js";
import type { OptimizerMemory } from "./memory.js";

/** Of one optimizer. */
export class LossScale {
  /** Whether a step has scaled its loss: then the guard's words have a scale. */
  begun = false;
  readonly #memory: OptimizerMemory;

  constructor(memory: OptimizerMemory) {
    this.#memory = memory;
  }

  /** Records the factor, on the device; the first run that scales sets it. */
  record(recorder: Recorder, initial: number): Tensor {
    const { guard, lossScale } = this.#memory;
    recorder.beforeRun.push(() => {
      if (this.begun) return;
      this.begun = true;
      guard.view(GUARD.lossScale, [1]).write(Float64Array.of(initial));
      lossScale.write(Float32Array.of(initial));
    });
    return reshape(recorder.lift("minimize: the loss scale", lossScale), []);
  }
}
