// Checks and defaults of options that several optimizers share.

import { checkBoolean, checkChoice, checkInteger, checkNumber } from "../check.js";
import { ArgumentError, describe } from "../errors.js";
import type { OptionSpec, Semantics } from "./family.js";

/** A default for all semantics, or by semantics: torch's where one has none of its own. */
export type Default<T> = T | ({ readonly torch: T } & { readonly [S in Semantics]?: T });

function defaultOf<T extends number | boolean | readonly number[]>(
  value: Default<T>,
): (semantics: Semantics) => T {
  if (typeof value !== "object" || !("torch" in value)) return () => value as T;
  return (semantics) => value[semantics] ?? value.torch;
}

function numberThat(value: Default<number>, accepted: string, holds: (value: number) => boolean) {
  const check = (argument: string, v: unknown): number => checkNumber(argument, v, accepted, holds);
  return { default: defaultOf(value), check } satisfies OptionSpec<number>;
}

export const finite = (value: Default<number>) => numberThat(value, "a finite number", () => true);
export const atLeast0 = (value: Default<number>) => numberThat(value, "a number, 0 or more", (v) => v >= 0);
export const above0 = (value: Default<number>) => numberThat(value, "a number above 0", (v) => v > 0);
export const fraction = (value: Default<number>) =>
  numberThat(value, "a number from 0 to 1", (v) => v >= 0 && v <= 1);

export const whole = (value: number): OptionSpec<number> => ({
  default: () => value,
  check: (argument, v) => checkInteger(argument, v, 0),
});

export const flag = (value: Default<boolean>): OptionSpec<boolean> => ({
  default: defaultOf(value),
  check: checkBoolean,
});

/** Two numbers in [0, 1). */
export const betas = (first: number, second: number): OptionSpec<readonly [number, number]> => ({
  default: () => [first, second],
  check: (argument, value) => {
    if (!Array.isArray(value) || value.length !== 2) {
      throw new ArgumentError({ argument, got: describe(value), accepted: "two numbers" });
    }
    const list: readonly unknown[] = value;
    const beta = (i: number): number =>
      checkNumber(`${argument.slice(0, -1)}[${i}]'`, list[i], "0 <= beta < 1", (v) => v >= 0 && v < 1);
    return [beta(0), beta(1)];
  },
});

export const semantics = (...known: readonly Semantics[]): OptionSpec<Semantics> => ({
  default: () => "torch",
  check: (argument, value) => checkChoice(argument, value, known),
});

/** Keras decays the parameters, whatever the optimizer. */
export const decoupled = flag({ torch: false, keras: true });
