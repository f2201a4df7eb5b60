// What a step watched, from sums that the update made of values it had in registers.

import { STEP } from "../device/encode.js";
import type { OptimizerMemory } from "./memory.js";

/** What was watched of one parameter at one step. */
export interface Telemetry {
  readonly name: string;
  /** Elements. */
  readonly size: number;
  /** Norm of the gradient, without the loss scale and before clipping. */
  readonly gradNorm: number;
  /** Norm of the parameter before the step. */
  readonly paramNorm: number;
  /** Norm of what the step changed. */
  readonly updateNorm: number;
  /** updateNorm / paramNorm: a healthy run is near 1e-3. NaN for a parameter of zeros. */
  readonly updateRatio: number;
  /** Largest change of an element. */
  readonly largestUpdate: number;
  /** Elements of the gradient that are infinite or NaN. */
  readonly nonFinite: number;
  /**
   * Share of elements whose gradient points where the momentum comes from, of those where both are not 0. Below 0.5 the steps
   * overshoot: the gradient opposes the last ones. Undefined for rules without momentum.
   */
  readonly agreement: number | undefined;
  /**
   * Mean of g^2 / v, v the second moment after the step as the rule keeps it, without the correction for its start: near 1 when v is
   * what g^2 is now; far above, the second moment is stale. Undefined for rules without one.
   */
  readonly staleness: number | undefined;
}

/** Of a rule: which states are direction and second moment, -1 for none. */
interface Watched {
  readonly direction: number;
  readonly second: number;
}

export async function telemetryOf(
  { layout, sums }: OptimizerMemory,
  { direction, second }: Watched,
): Promise<Telemetry[]> {
  const columns = await sums.read();
  const count = layout.segments.length;
  return layout.segments.map(({ parameter: { name, value } }, i) => {
    const at = (column: number): number => columns[column * count + i] as number;
    const [gradNorm, paramNorm, updateNorm] = [Math.sqrt(at(0)), Math.sqrt(at(2)), Math.sqrt(at(3))];
    return {
      name,
      size: value.length,
      gradNorm,
      paramNorm,
      updateNorm,
      updateRatio: updateNorm / paramNorm,
      largestUpdate: at(STEP.sums - 1),
      nonFinite: at(1),
      agreement: direction < 0 ? undefined : at(4) / at(5),
      staleness: second < 0 ? undefined : at(6) / value.length,
    };
  });
}
