// What a step watched, from sums that the update made of values it had in registers.

import { STEP } from "../device/encode.js";
import type { Parameter } from "../tensor/parameter.js";
import type { OptimizerMemory } from "./memory.js";

/** What was watched of one parameter at one step; of a sparse table, norms and counts are of the rows in use. */
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
   * overshoot: the gradient opposes the last ones. Undefined for tables, for rules without momentum,
   * and for Muon and ScheduleFreeAdamW, whose step does not go where theirs points.
   */
  readonly agreement: number | undefined;
  /**
   * Mean of g^2 / v, v the second moment after the step as the rule keeps it, without the correction for its start: near 1 when v is
   * what g^2 is now; far above, the second moment is stale. Undefined for tables, for rules without one, and for Prodigy and Adafactor,
   * whose second moments are not of g alone or not of each element.
   */
  readonly staleness: number | undefined;
}

/** Of a rule: which states are direction and second moment, -1 for none. */
interface Watched {
  readonly direction: number;
  readonly second: number;
}

/** Of dense parameters, then of tables. */
export async function telemetryOf(memory: OptimizerMemory, rule: Watched): Promise<Telemetry[]> {
  const { segments } = memory.layout;
  const [columns, ...ofTables] = await Promise.all([
    memory.sums.read(),
    ...memory.tables.map(({ parameter }) => memory.tableSums(parameter).read()),
  ]);
  const dense = segments.map(({ parameter }, i) =>
    figuresOf(parameter, (column) => columns[column * segments.length + i] as number, rule),
  );
  const unknown: Watched = { direction: -1, second: -1 };
  const tables = memory.tables.map(({ parameter }, i) =>
    figuresOf(parameter, (column) => ofTables[i]?.[column] as number, unknown),
  );
  return [...dense, ...tables];
}

function figuresOf(
  { name, value }: Parameter,
  at: (column: number) => number,
  { direction, second }: Watched,
): Telemetry {
  const [gradNorm, paramNorm, updateNorm] = [Math.sqrt(at(0)), Math.sqrt(at(2)), Math.sqrt(at(3))];
  return {
    name,
    size: value.length,
    gradNorm,
    paramNorm,
    updateNorm,
    updateRatio: updateNorm / paramNorm,
    largestUpdate: Math.max(0, at(STEP.sums - 1)), // of no elements the maximum is -Infinity
    nonFinite: at(1),
    agreement: direction < 0 ? undefined : at(4) / at(5),
    staleness: second < 0 ? undefined : at(6) / value.length,
  };
}
