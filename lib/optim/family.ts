// What an optimizer class says about itself: its options, and how they become the numbers of its update rule.

import { checkKeys } from "../check.js";
import { ArgumentError } from "../errors.js";
import type { Parameter } from "../tensor/parameter.js";
import type { Composition } from "./compose.js";
import type { StorageOptions } from "./storage.js";

/**
 * Whose formulas and defaults: PyTorch's (torch.optim), Keras' (keras.optimizers) or optax's. The classes name what differs;
 * `momentum`, `eps` and the like mean the same place in each formula.
 */
export type Semantics = "torch" | "keras" | "optax";

/** Options that every optimizer takes. */
export interface CommonOptions {
  /** Learning rate. optax has no defaults for it: there it is torch's. */
  readonly lr?: number;
  /** Default 0 (AdamW 0.01). */
  readonly weightDecay?: number;
  /** Ascends instead of descending. Default false. */
  readonly maximize?: boolean;
  /** Whose formula and defaults. Default "torch". */
  readonly semantics?: Semantics;
}

/** Options of optimizers whose weight decay can take two places. */
export interface DecayOptions extends CommonOptions {
  /**
   * Where weight decay acts: on the parameters, p = (1 - lr weightDecay) p before the step, instead of on the gradient,
   * g + weightDecay p (L2). Default false; true with Keras semantics, which know no other.
   */
  readonly decoupled?: boolean;
}

/** Options, how state is kept, and groups of parameters, by name, that override some of the options. */
export type WithGroups<O> = O &
  StorageOptions & {
    readonly groups?: readonly (O & { readonly match: (name: string) => boolean })[];
  };

/** One option: its default and its check, which returns the value or throws a typed error that names the argument. */
export interface OptionSpec<T> {
  readonly default: (semantics: Semantics) => T;
  readonly check: (argument: string, value: unknown) => T;
}

/** What a state is filled with before the first step: a number, or a copy of the parameter. */
export type InitialState = number | "parameter";

/** An average x of the parameters y that a rule keeps itself, in a state z: y = share x + (1 - share) z. */
export interface OwnAverage {
  /** Name of z; f32. */
  readonly state: string;
  /** Above 0. */
  readonly share: number;
}

/** What a class says about itself; the Optimizer does the rest. */
export interface Family<O extends CommonOptions> {
  /** Name of the class. */
  readonly name: string;
  readonly options: { readonly [K in keyof O]-?: OptionSpec<Exclude<O[K], undefined>> };
  /** Throws for options that do not go together; `refuse` makes the error. */
  validate?(owner: string, options: Required<O>): void;
  /** Name of the rule in core/rules/all.h. */
  rule(options: Required<O>): string;
  /** Hyper-parameters after lr, weight decay and maximize, as the rule's Hyper lists them. */
  hyper(options: Required<O>): readonly number[];
  /** The rule's Running at step 0. */
  running(options: Required<O>): readonly number[];
  /**
   * Advances Running by a step, as the rule's begin() does, if that takes no more than the options; for a step count alone it can be
   * left out.
   */
  advance?(running: readonly number[], options: Required<O>): readonly number[];
  /** By name of the state. Default 0. */
  initialState?(options: Required<O>): Readonly<Record<string, InitialState>>;
  /** The average that the rule keeps, which `withAverage` gives. Default: none. */
  ownAverage?(options: Required<O>): OwnAverage;
  /** Whether the update of each parameter is scaled by the ratio of its norm to that of the update (LAMB). Default false. */
  readonly trustRatio?: boolean;
  /** Throws for parameters that the rule is not for, or that many groups. */
  accepts?(owner: string, parameters: readonly Parameter[], groups: number): void;
  /** Of a rule that gathers: what is made of each parameter. */
  composition?(options: Required<O>): Composition;
}

/** What a rule starts with, from one set of options. */
export interface RuleSetup {
  readonly rule: string;
  readonly semantics: Semantics;
  readonly lr: number;
  readonly weightDecay: number;
  readonly maximize: boolean;
  readonly hyper: readonly number[];
  readonly running: readonly number[];
  /** Running after so many steps; undefined if it depends on more than their number. */
  runningAfter(steps: number): readonly number[] | undefined;
  readonly initialState: Readonly<Record<string, InitialState>>;
  readonly trustRatio: boolean;
  readonly composition: Composition | undefined;
  readonly ownAverage: OwnAverage | undefined;
}

/** `advance` of a rule whose Running is the step count and the powers of both betas, as Adam's. */
export function advanceBetas(
  [step = 0, power1 = 1, power2 = 1]: readonly number[],
  { betas: [beta1, beta2] }: { readonly betas: readonly [number, number] },
): readonly number[] {
  return [step + 1, power1 * beta1, power2 * beta2];
}

/** All options, checked, with the defaults of the chosen semantics for those that are not given. */
export function resolve<O extends CommonOptions>(
  family: Family<O>,
  owner: string,
  given: unknown,
): Required<O> {
  const specs = family.options as unknown as Readonly<Record<string, OptionSpec<unknown>>>;
  checkKeys(owner, given as object, Object.keys(specs));
  const values = given as Readonly<Record<string, unknown>>;
  const semantics =
    values.semantics === undefined
      ? "torch"
      : family.options.semantics.check(`${owner}: 'semantics'`, values.semantics);
  const entries = Object.entries(specs).map(([name, spec]) => {
    const value = values[name];
    return [name, value === undefined ? spec.default(semantics) : spec.check(`${owner}: '${name}'`, value)];
  });
  const options = Object.fromEntries(entries) as Required<O>;
  family.validate?.(owner, options);
  return options;
}

/** The rule and its numbers for given options. */
export function setUp<O extends CommonOptions>(family: Family<O>, owner: string, given: unknown): RuleSetup {
  const options = resolve(family, owner, given);
  const { lr, weightDecay, maximize, semantics } = options as Required<CommonOptions>;
  const start = family.running(options);
  return {
    rule: family.rule(options),
    semantics,
    lr,
    weightDecay,
    maximize,
    hyper: family.hyper(options),
    running: start,
    runningAfter: (steps) => {
      if (start.length === 1) return [steps];
      let running = start;
      if (!family.advance) return undefined;
      for (let i = 0; i < steps; i++) running = family.advance(running, options);
      return running;
    },
    initialState: family.initialState?.(options) ?? {},
    trustRatio: family.trustRatio ?? false,
    composition: family.composition?.(options),
    ownAverage: family.ownAverage?.(options),
  };
}

/** Throws: an option does not go with the others. */
export function refuse(owner: string, option: string, got: string, accepted: string): never {
  throw new ArgumentError({ argument: `${owner}: '${option}'`, got, accepted });
}
