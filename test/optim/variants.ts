// The optimizer classes by name, and every rule with every dialect, for tests that hold for all of them.

import {
  Adadelta,
  Adafactor,
  AdaGrad,
  Adam,
  Adamax,
  AdamW,
  type Device,
  LAMB,
  Lion,
  Muon,
  NAdam,
  type Optimizer,
  type Parameter,
  Prodigy,
  parameter,
  RAdam,
  RMSprop,
  ScheduleFreeAdamW,
  SGD,
} from "../../lib/index.js";

export const CLASSES = {
  SGD,
  AdaGrad,
  Adam,
  AdamW,
  RMSprop,
  Adadelta,
  Adamax,
  NAdam,
  RAdam,
  Lion,
  LAMB,
  ScheduleFreeAdamW,
  Prodigy,
  Muon,
  Adafactor,
} as const;

export type ClassName = keyof typeof CLASSES;

export type Options = Readonly<Record<string, unknown>>;

/** Constructs an optimizer from options that the type checker has not seen, as a JavaScript program may. */
export function construct(name: ClassName, parameters: readonly Parameter[], options: Options): Optimizer {
  return new CLASSES[name](parameters, options as never);
}

export interface Variant {
  readonly class: ClassName;
  readonly options: Options;
}

const dialects = (name: ClassName, options: Options, ...semantics: readonly string[]): Variant[] =>
  semantics.map((own) => ({ class: name, options: { ...options, semantics: own } }));

const ALL = ["torch", "keras", "optax"];

/** One of each combination of rule and dialect that computes something else. */
export const VARIANTS: readonly Variant[] = [
  ...dialects("SGD", {}, "torch"),
  ...dialects("SGD", { momentum: 0.9 }, "torch", "keras"),
  ...dialects("SGD", { momentum: 0.9, nesterov: true }, "torch", "keras"),
  ...dialects("SGD", { momentum: 0.9, dampening: 0.5 }, "torch"),
  ...dialects("AdaGrad", {}, ...ALL),
  ...dialects("AdaGrad", { initialAccumulatorValue: 0 }, "keras", "optax"),
  ...dialects("AdaGrad", { lrDecay: 0.1 }, "torch"),
  ...dialects("Adam", {}, ...ALL),
  ...dialects("Adam", { amsgrad: true }, ...ALL),
  ...dialects("AdamW", {}, ...ALL),
  ...dialects("RMSprop", {}, ...ALL),
  ...dialects("RMSprop", { momentum: 0.9 }, ...ALL),
  ...dialects("RMSprop", { centered: true }, ...ALL),
  ...dialects("RMSprop", { centered: true, momentum: 0.9 }, ...ALL),
  ...dialects("Adadelta", {}, ...ALL),
  ...dialects("Adamax", {}, ...ALL),
  ...dialects("NAdam", {}, ...ALL),
  ...dialects("RAdam", {}, "torch", "optax"),
  ...dialects("LAMB", { weightDecay: 0.1 }, "torch", "optax"),
  ...dialects("Lion", {}, ...ALL),
  ...dialects("Prodigy", {}, "torch"),
  ...dialects("Prodigy", { useBiasCorrection: true, growthRate: 1.02, d0: 1e-3 }, "torch"),
  ...dialects("Muon", {}, "torch"),
  ...dialects("Muon", { nesterov: false, adjustLr: "matchRmsAdamw" }, "torch"),
  ...dialects("Adafactor", {}, ...ALL),
  ...dialects("ScheduleFreeAdamW", { warmupSteps: 3 }, "torch"),
  ...dialects("ScheduleFreeAdamW", { r: 1.5, weightLrPower: 0 }, "torch"),
];

/** Classes that take matrices only. */
export const OF_MATRICES: readonly ClassName[] = ["Muon"];
/** Classes whose step makes something of whole parameters: one NaN is everywhere. */
export const OF_WHOLES: readonly ClassName[] = ["Muon", "Adafactor"];

export const describeVariant = ({ class: name, options }: Variant): string =>
  `${name} ${JSON.stringify(options)}`;

export interface Trajectory {
  /** The parameter after each step. */
  readonly steps: readonly Float32Array[];
  /** The states after the last. */
  readonly state: Readonly<Record<string, Float32Array>>;
}

/** Steps of one parameter by direct commands. `lrs` are set before the steps. */
export async function trajectory(
  device: Device,
  { class: name, options }: Variant,
  initial: ArrayLike<number>,
  gradients: readonly ArrayLike<number>[],
  lrs: readonly number[] = [],
): Promise<Trajectory> {
  using w = device.from(Float32Array.from(initial));
  using g = device.alloc("f32", [initial.length]);
  const shape = OF_MATRICES.includes(name) ? [1, w.length] : w.shape;
  const p = parameter("w", w.view(0, shape), g.view(0, shape));
  using optimizer = construct(name, [p], options);
  const steps: Float32Array[] = [];
  for (const [i, gradient] of gradients.entries()) {
    const [group] = optimizer.groups;
    const lr = lrs[i];
    if (group && lr !== undefined) group.lr = lr;
    g.write(Float32Array.from(gradient));
    optimizer.step();
    steps.push(await w.read());
  }
  return { steps, state: ((await optimizer.state()).parameters.w ?? {}) as Record<string, Float32Array> };
}
