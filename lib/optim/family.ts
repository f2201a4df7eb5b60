// What an optimizer class says about itself: its options, and how they become the numbers of its update rule.

import { checkKeys } from "../check.js";
import { ArgumentError } from "../errors.js";

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

/** Options, and groups of parameters, by name, that override some of them. */
export type WithGroups<O> = O & {
  readonly groups?: readonly (O & { readonly match: (name: string) => boolean })[];
};

/** One option: its default and its check, which returns the value or throws a typed error that names the argument. */
export interface OptionSpec<T> {
  readonly default: (semantics: Semantics) => T;
  readonly check: (argument: string, value: unknown) => T;
}

/** What a state is filled with before the first step: a number, or a copy of the parameter. */
export type InitialState = number | "parameter";

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
  readonly running: readonly number[];
  /** By name of the state. Default 0. */
  initialState?(options: Required<O>): Readonly<Record<string, InitialState>>;
  /** Whether the update of each parameter is scaled by the ratio of its norm to that of the update (LAMB). Default false. */
  readonly trustRatio?: boolean;
}

/** What a rule starts with, from one set of options. */
export interface RuleSetup {
  readonly rule: string;
  readonly lr: number;
  readonly weightDecay: number;
  readonly maximize: boolean;
  readonly hyper: readonly number[];
  readonly running: readonly number[];
  readonly initialState: Readonly<Record<string, InitialState>>;
  readonly trustRatio: boolean;
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
  const { lr, weightDecay, maximize } = options as Required<CommonOptions>;
  return {
    rule: family.rule(options),
    lr,
    weightDecay,
    maximize,
    hyper: family.hyper(options),
    running: family.running,
    initialState: family.initialState?.(options) ?? {},
    trustRatio: family.trustRatio ?? false,
  };
}

/** Throws: an option does not go with the others. */
export function refuse(owner: string, option: string, got: string, accepted: string): never {
  throw new ArgumentError({ argument: `${owner}: '${option}'`, got, accepted });
}
