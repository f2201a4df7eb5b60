// Checks of arguments at the edge: each returns the value it accepts or throws a typed error that names the argument.

import { ArgumentError, describe } from "./errors.js";

/** What an option holds, or its default if it was not given: `null` is a value, and a wrong one. */
export function given(value: unknown, fallback: unknown): unknown {
  return value === undefined ? fallback : value;
}

/** A finite number that passes `holds`. */
export function checkNumber(
  argument: string,
  value: unknown,
  accepted: string,
  holds: (value: number) => boolean,
): number {
  if (typeof value !== "number" || !Number.isFinite(value) || !holds(value)) {
    throw new ArgumentError({ argument, got: describe(value), accepted });
  }
  return value;
}

/** An integer from `low` to `high`, inclusive. */
export function checkInteger(
  argument: string,
  value: unknown,
  low: number,
  high: number = Number.MAX_SAFE_INTEGER,
): number {
  const accepted =
    high === Number.MAX_SAFE_INTEGER ? `an integer, ${low} or more` : `an integer from ${low} to ${high}`;
  return checkNumber(argument, value, accepted, (v) => Number.isInteger(v) && v >= low && v <= high);
}

/** One of a list of strings. */
export function checkChoice<T extends string>(argument: string, value: unknown, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) {
    throw new ArgumentError({
      argument,
      got: describe(value),
      accepted: choices.map((c) => `"${c}"`).join(" or "),
    });
  }
  return found;
}

/** A boolean. */
export function checkBoolean(argument: string, value: unknown): boolean {
  if (typeof value !== "boolean")
    throw new ArgumentError({ argument, got: describe(value), accepted: "true or false" });
  return value;
}

/** An options object that has no keys but the known ones: a misspelt option is an error, not a default. */
export function checkKeys(owner: string, options: object, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new ArgumentError({ argument: `${owner}: options`, got: describe(options), accepted: "an object" });
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new ArgumentError({
        argument: `${owner}: option`,
        got: JSON.stringify(key),
        accepted: known.join(", "),
      });
    }
  }
}
