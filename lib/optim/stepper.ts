// What the steps of an optimizer record: gradients, what steers the step, the updates.

import { ruleOf, STEP } from "../device/encode.js";
import { ArgumentError } from "../errors.js";
import { add, mul, sqrt } from "../tensor/elementwise.js";
import type { Parameter } from "../tensor/parameter.js";
import { Program } from "../tensor/program.js";
import { type Recorder, recording } from "../tensor/recorder.js";
import { reshape } from "../tensor/shape.js";
import { asScalar, type Scalar, type Tensor } from "../tensor/tensor.js";
import type { AverageScope } from "./average.js";
import { type CheckedStep, checkStep, recordedAs, refuseUpdateRms, type StepOptions } from "./clip.js";
import { differentiate } from "./differentiate.js";
import type { RuleSetup } from "./family.js";
import { hyperOf } from "./groups.js";
import { type Steering, settingsOf, slotsOf } from "./guard.js";
import { LossScale } from "./loss-scale.js";
import type { OptimizerMemory } from "./memory.js";
import type { StepParts } from "./parts.js";
import { recordStep } from "./record.js";
import {
  checkDecay,
  checkTables,
  type GroupedTable,
  recordTables,
  refuseTables,
  sortTables,
  type TableGradients,
} from "./tables.js";

/** The optimizer whose steps they are. */
export interface Stepped {
  readonly owner: string;
  readonly groups: readonly { readonly params: readonly Parameter[]; readonly lr: number }[];
  readonly setups: readonly RuleSetup[];
  readonly memory: OptimizerMemory;
  readonly tables: readonly GroupedTable[];
  readonly averaged: AverageScope;
  /** Decay of the running mean, if one is kept. */
  readonly average: number | undefined;
  readonly seed: number;
}

/** A loss and the norm of its gradient before clipping: results of a program, which an interface would not be. */
export type Minimized = { loss: Scalar; gradNorm: Scalar };

/** The methods of an optimizer that take steps, under the same names. */
export class Stepper {
  /** Steps tried. */
  steps = 0;
  readonly lossScale: LossScale;
  readonly #of: Stepped;
  readonly #programs = new Map<string, Program>();

  constructor(of: Stepped) {
    this.#of = of;
    this.lossScale = new LossScale(of.memory);
  }

  minimize(loss: Tensor, options: StepOptions, onto?: StepParts): Minimized {
    const recorder = recording("minimize");
    const step = checkStep("minimize", options);
    const sparse = this.#differentiate(recorder, loss, step, onto !== undefined);
    const whole = onto ? add(reshape(recorder.lift("minimize: 'onto'", onto.loss), []), loss) : loss;
    const rows = sortTables(recorder, this.#of.tables, sparse, onto);
    return { loss: asScalar(whole), gradNorm: this.#record(recorder, step, whole, rows, onto) };
  }

  /** One step of each on one loss; `owner` is for messages. */
  static together(owner: string, all: readonly Stepper[], loss: Tensor, options: StepOptions): Minimized {
    const recorder = recording(owner);
    const step = checkStep(owner, options);
    checkTogether(
      owner,
      all.flatMap((one) => one.#parameters),
      step,
    );
    recorder.minimizes = true;
    const parameters = all.flatMap((one) => one.#dense);
    const tables = all.flatMap((one) => one.#of.tables.map(({ table }) => table.parameter));
    const sparse = differentiate(recorder, loss, { parameters, tables, adding: false });
    const rows = all.map((one) => {
      const { tables: own } = one.#of;
      return sortTables(recorder, own, sparse.splice(0, own.length));
    });
    const squares = all.map((one, i) => {
      const gradNorm = one.#record(recorder, step, loss, rows[i] as TableGradients);
      return mul(gradNorm, gradNorm);
    });
    const gradNorm = asScalar(sqrt(squares.reduce((sum, square) => add(sum, square))));
    recorder.opaque.add(gradNorm);
    return { loss: asScalar(loss), gradNorm };
  }

  accumulate(loss: Tensor, options: StepOptions, onto: StepParts, first: boolean): void {
    const recorder = recording("accumulate");
    const step = checkStep("accumulate", options);
    this.#checkTables("accumulate", step);
    onto.record(recorder, this.#differentiate(recorder, loss, step, !first), first);
    const own = reshape(loss, [1]);
    const sum = first ? own : add(recorder.lift("accumulate: 'onto'", onto.loss), own);
    recorder.emit("copy", { bytes: onto.loss.byteLength, x: sum, y: onto.loss });
  }

  step(options: StepOptions): void {
    const { owner, tables, memory } = this.#of;
    const step = checkStep(`${owner}.step`, options);
    if (step.lossScale) {
      const accepted = "minimize, inside of device.program, which scales the loss";
      throw new ArgumentError({
        argument: `${owner}.step: 'lossScale'`,
        got: "gradients as they are",
        accepted,
      });
    }
    refuseTables(`${owner}.step`, tables, "minimize, inside of device.program");
    const key = recordedAs(step);
    let program = this.#programs.get(key);
    if (!program) {
      const body = (): { gradNorm: Scalar } => ({
        gradNorm: this.#record(recording("step"), step, undefined, { rows: [], squares: undefined }),
      });
      program = new Program(memory.device, {}, body) as unknown as Program;
      this.#programs.set(key, program);
    }
    // A failure stays with the device, which tells whoever waits for it next.
    program.run({}).catch(() => {});
  }

  dispose(): void {
    for (const program of this.#programs.values()) program.dispose();
  }

  get #parameters(): readonly Parameter[] {
    return this.#of.groups.flatMap(({ params }) => params);
  }

  get #dense(): readonly Parameter[] {
    return this.#parameters.filter(({ sparse }) => !sparse);
  }

  #checkTables(call: string, step: CheckedStep): void {
    const { owner, setups, tables } = this.#of;
    const [{ trustRatio = false }] = setups as [RuleSetup];
    if (tables.length > 0) checkTables(`${owner}.${call}`, step, trustRatio);
  }

  #differentiate(recorder: Recorder, loss: Tensor, { lossScale }: CheckedStep, adding: boolean) {
    recorder.minimizes = true;
    const scaled = lossScale ? mul(loss, this.lossScale.record(recorder, lossScale.initial)) : loss;
    const tables = this.#of.tables.map(({ table }) => table.parameter);
    return differentiate(recorder, scaled, { parameters: this.#dense, tables, adding });
  }

  #record(
    recorder: Recorder,
    step: CheckedStep,
    loss: Tensor | undefined,
    rows: TableGradients,
    onto?: StepParts,
  ): Scalar {
    const { owner, groups, setups, memory, tables, average, seed } = this.#of;
    const { clip, guard, lossScale, watch } = step;
    const needsNorm = clip.norm !== undefined || clip.tensorNorm !== undefined || !!guard || !!lossScale;
    const watchGradient = !needsNorm || !!lossScale; // the norm before the update is of the scaled gradient
    const steering: Steering = {
      maxNorm: clip.norm ?? 0,
      clipValue: clip.value ?? Number.POSITIVE_INFINITY,
      average: average ?? 0,
      watchEvery: watch,
      watchGradient,
      guard,
      lossScale,
    };
    const [{ rule, trustRatio = false, composition }] = setups as [RuleSetup];
    const { measures } = ruleOf(rule);
    if (trustRatio || measures || composition) refuseUpdateRms(owner, clip);
    this.#checkTables("minimize", step);
    const after = onto?.key;
    const hyper = recorder.supplied(groups.length * ruleOf(rule).hyper, () => {
      if (after !== undefined) onto?.expect(after);
      return this.#hyper(step);
    });
    const settings = recorder.supplied(STEP.settings, () => settingsOf(steering));
    const gradNorm = recordStep(recorder, memory, {
      rule,
      seed,
      needsNorm,
      watchGradient,
      adaptive: clip.adaptive,
      scaled: !!lossScale,
      tensorNorm: clip.tensorNorm,
      updateRms: clip.updateRms,
      trustRatio,
      measures,
      compositions: setups.map((setup) => setup.composition),
      watch: watch > 0,
      slots: slotsOf(guard),
      rowSquares: rows.squares,
      loss: guard && loss,
      hyper,
      settings,
    });
    recordTables(recorder, memory, tables, rows, watch > 0);
    recorder.opaque.add(gradNorm);
    recorder.onRun.push(() => {
      this.steps += 1;
    });
    return gradNorm;
  }

  /** The hyper-parameters of all groups, row by row. */
  #hyper({ schedule }: CheckedStep): number[] {
    const { owner, tables, averaged } = this.#of;
    if (averaged.active) {
      const accepted = "steps before or after: inside, the parameters are their average";
      throw new ArgumentError({ argument: owner, got: "a step inside withAverage", accepted });
    }
    const hyper = hyperOf(owner, this.#of, schedule, this.steps);
    checkDecay(owner, tables, hyper);
    return hyper.flat();
  }
}

/** Refuses what optimizers cannot do in one step. */
function checkTogether(owner: string, parameters: readonly Parameter[], { lossScale }: CheckedStep): void {
  const seen = new Set<Parameter>();
  for (const parameter of parameters) {
    if (seen.has(parameter)) {
      const got = `"${parameter.name}" in two of them`;
      const accepted = "each parameter in one optimizer";
      throw new ArgumentError({ argument: `${owner}: 'optimizers'`, got, accepted });
    }
    seen.add(parameter);
  }
  if (!lossScale) return;
  const [got, accepted] = ["a scale for each optimizer", "none: the loss is one"];
  throw new ArgumentError({ argument: `${owner}: 'lossScale'`, got, accepted });
}
