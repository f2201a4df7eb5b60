// Flags as data: what a flag takes, how it is read, and from where: the command line, or a configuration file.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { describe } from "../errors.js";
import { UsageError } from "./errors.js";

/** A flag of a verb. */
export interface Flag<T = unknown> {
  /** What stands for its value in help: `"<n>"`; `""` is a switch, which takes none. */
  readonly value: string;
  readonly help: string;
  /** Reads the text of a value. @throws UsageError naming it, for a text that it does not accept */
  readonly read: (text: string, name: string) => T;
}

export type Flags = Readonly<Record<string, Flag>>;

/** What was given: a value for each flag, or undefined. */
export type Values<F extends Flags> = {
  readonly [K in keyof F]: (F[K] extends Flag<infer T> ? T : never) | undefined;
};

/** Words of a command, read. */
export interface Parsed<F extends Flags> {
  readonly operands: readonly string[];
  readonly values: Values<F>;
}

/** What a verb takes besides flags. */
export interface Operand {
  /** As help shows it: `"<dataset>"`; in a configuration file, without the brackets. */
  readonly name: string;
  readonly help: string;
  readonly optional?: boolean;
  /** Whether there may be any number more of them; the last one alone. */
  readonly many?: boolean;
}

function wrong(name: string, got: string, accepted: string): UsageError {
  return new UsageError({ argument: name, got: describe(got), accepted });
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A flag that holds a finite number. */
export function real(
  value: string,
  help: string,
  accepted: string,
  holds: (value: number) => boolean,
): Flag<number> {
  const read = (text: string, name: string): number => {
    const number = NUMBER.test(text) ? Number(text) : Number.NaN;
    if (!Number.isFinite(number) || !holds(number)) throw wrong(name, text, accepted);
    return number;
  };
  return { value, help, read };
}

export const positive = (value: string, help: string): Flag<number> =>
  real(value, help, "a number above 0", (v) => v > 0);

export const notNegative = (value: string, help: string): Flag<number> =>
  real(value, help, "a number, 0 or more", (v) => v >= 0);

export const integer = (value: string, help: string, low: number): Flag<number> =>
  real(value, help, `an integer, ${low} or more`, (v) => Number.isSafeInteger(v) && v >= low);

export const text = (value: string, help: string): Flag<string> => ({
  value,
  help,
  read: (given, name) => {
    if (given === "") throw wrong(name, given, "a text that is not empty");
    return given;
  },
});

export function choice<T extends string>(value: string, help: string, choices: readonly T[]): Flag<T> {
  const read = (given: string, name: string): T => {
    const found = choices.find((known) => known === given);
    if (found === undefined) throw wrong(name, given, choices.join(", "));
    return found;
  };
  return { value, help, read };
}

/** Names with commas between them. */
export const names = (value: string, help: string): Flag<readonly string[]> => ({
  value,
  help,
  read: (given, name) => {
    const list = given.split(",");
    if (list.includes("")) throw wrong(name, given, "names with commas between them");
    return list;
  },
});

/** Some of a list of words, each once, with commas between them. */
export const choices = <T extends string>(
  value: string,
  help: string,
  known: readonly T[],
): Flag<readonly T[]> => ({
  value,
  help,
  read: (given, name) => {
    const list = given.split(",");
    const found = known.filter((word) => list.includes(word));
    if (found.length !== list.length)
      throw wrong(name, given, `some of ${known.join(",")}, each once, with commas between them`);
    return found;
  },
});

/** Numbers above 0, all different, with commas between them. */
export const positives = (value: string, help: string): Flag<readonly number[]> => ({
  value,
  help,
  read: (given, name) => {
    const list = given.split(",").map((number) => (NUMBER.test(number) ? Number(number) : 0));
    const fit = list.every((number) => number > 0 && Number.isFinite(number));
    if (!fit || new Set(list).size < list.length)
      throw wrong(name, given, "different numbers above 0, such as 0.001,0.01");
    return list;
  },
});

/** Positive integers with commas between them, or `none`. */
export const sizes = (value: string, help: string): Flag<readonly number[]> => ({
  value,
  help,
  read: (given, name) => {
    if (given === "none" || given === "") return []; // "" is an empty list of a configuration file
    const list = given.split(",").map((size) => (/^\d{1,6}$/.test(size) ? Number(size) : 0));
    if (list.some((size) => size < 1)) throw wrong(name, given, "sizes such as 128,64, or none");
    return list;
  },
});

/** A flag that is there or not. */
export const toggle = (help: string): Flag<true> => ({ value: "", help, read: () => true });

/** All but one. */
export function omit<F extends Flags, K extends keyof F>(flags: F, name: K): Omit<F, K> {
  const { [name]: _, ...rest } = flags;
  return rest;
}

/**
 * Reads the words after a verb. With a flag `config`, the file that it names is read first: a JSON object whose keys are flags
 * and operands; what the words say wins.
 * @throws UsageError
 */
export function parseWords<F extends Flags>(
  verb: string,
  flags: F,
  operands: readonly Operand[],
  words: readonly string[],
): Parsed<F> {
  const { values, positionals } = parseStrictly(verb, flags, words);
  const path = values.config;
  const config = typeof path === "string" ? readConfig(path, flags, operands) : undefined;
  const given = { ...config?.texts, ...values };
  return {
    operands: checkOperands(verb, operands, positionals.length > 0 ? positionals : (config?.operands ?? [])),
    values: readValues(flags, given, (name) =>
      name in values || !config ? `--${name}` : `${path}: ${describe(name)}`,
    ),
  };
}

type Texts = Readonly<Record<string, string | boolean | undefined>>;

function parseStrictly(
  verb: string,
  flags: Flags,
  words: readonly string[],
): { values: Texts; positionals: string[] } {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { value }]) => [
      name,
      { type: value === "" ? ("boolean" as const) : ("string" as const) },
    ]),
  );
  try {
    const args = withNegatives(flags, words);
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    return { values: values as Texts, positionals };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_PARSE_ARGS_INVALID_OPTION_VALUE")
      throw wrongValue(flags, cause as Error);
    // Node's first sentence names the option; the second one is about positional arguments, which cannot help here.
    throw new UsageError(`${verb}: ${(cause as Error).message.split(". ")[0]}`, { cause });
  }
}

/** A negative number is a value of the flag before it, which then says what it accepts: no flag is called by a number. */
function withNegatives(flags: Flags, words: readonly string[]): string[] {
  const end = words.includes("--") ? words.indexOf("--") : words.length;
  const joined: string[] = [];
  for (const word of words.slice(0, end)) {
    const flag = joined.at(-1)?.match(/^--([^=]+)$/)?.[1];
    const takes = flag !== undefined && Object.hasOwn(flags, flag) && flags[flag]?.value !== "";
    if (takes && /^-\.?\d/.test(word)) joined.push(`${joined.pop()}=${word}`);
    else joined.push(word);
  }
  return [...joined, ...words.slice(end)];
}

/** What Node says about a value in three lines, in one. */
function wrongValue(flags: Flags, cause: Error): UsageError {
  const name = /--([a-z-]+)/.exec(cause.message)?.[1] ?? "";
  const value = flags[name]?.value;
  const argument = `--${name}`;
  if (!value) return new UsageError({ argument, got: "a value", accepted: "none" }, { cause });
  const dash = cause.message.includes("ambiguous") ? `; one that starts with a dash as ${argument}=-...` : "";
  return new UsageError({ argument, got: "no value", accepted: `${value}${dash}` }, { cause });
}

function checkOperands(
  verb: string,
  operands: readonly Operand[],
  given: readonly string[],
): readonly string[] {
  const missing = operands.slice(given.length).find(({ optional }) => !optional);
  if (missing) throw new UsageError({ argument: verb, got: `no ${missing.name}`, accepted: missing.help });
  const [extra] = operands.at(-1)?.many ? [] : given.slice(operands.length);
  if (extra === undefined) return given;
  const accepted = operands.length === 0 ? "no argument" : operands.map(({ name }) => name).join(" ");
  throw new UsageError({ argument: verb, got: `${describe(extra)} beside the rest`, accepted });
}

/** Values of texts; `place` names a flag for messages. @throws UsageError */
export function readValues<F extends Flags>(
  flags: F,
  texts: Texts,
  place: (name: string) => string,
): Values<F> {
  const pairs = Object.entries(flags).map(([name, flag]) => {
    const given = texts[name];
    if (given === undefined || given === false) return [name, undefined] as const;
    return [name, flag.read(given === true ? "" : given, place(name))] as const;
  });
  return Object.fromEntries(pairs) as Values<F>;
}

interface Config {
  readonly texts: Texts;
  readonly operands: readonly string[];
}

function readConfig(path: string, flags: Flags, operands: readonly Operand[]): Config {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const got = (cause as Error).message;
    throw new UsageError(
      { argument: `--config ${path}`, got, accepted: "a file that can be read" },
      { cause },
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UsageError({ argument: path, got: (cause as Error).message, accepted: "JSON" }, { cause });
  }
  return textsOf(path, value, flags, operands);
}

const keyOf = ({ name }: Operand): string => name.replace(/[<>]/g, "");

/**
 * What an object of a configuration holds, as the texts that the command line would have.
 * @throws UsageError for anything but an object, a key that is no flag and no operand, a value that is no text, number, boolean or
 *   list of those
 */
export function textsOf(
  path: string,
  value: unknown,
  { config: _, ...flags }: Flags,
  operands: readonly Operand[],
): Config {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UsageError({ argument: path, got: describe(value), accepted: "an object of options" });
  }
  const texts: Record<string, string | boolean> = {};
  const found = new Map<string, string>();
  const known = [...operands.map(keyOf), ...Object.keys(flags)];
  for (const [key, held] of Object.entries(value)) {
    if (!known.includes(key))
      throw new UsageError({ argument: `${path}: option`, got: describe(key), accepted: known.join(", ") });
    const flag = Object.hasOwn(flags, key) ? flags[key] : undefined;
    const written = textOf(held, flag?.value === "");
    if (written === undefined) {
      const accepted = flag?.value === "" ? "true or false" : "a text, a number, or a list of those";
      throw new UsageError({ argument: `${path}: ${describe(key)}`, got: describe(held), accepted });
    }
    if (flag) texts[key] = written;
    else found.set(key, String(written));
  }
  const given = operands.map((operand) => found.get(keyOf(operand)));
  return { texts, operands: given.filter((operand) => operand !== undefined) };
}

function textOf(value: unknown, isSwitch: boolean): string | boolean | undefined {
  if (isSwitch) return typeof value === "boolean" ? value : undefined;
  if (typeof value === "string" || typeof value === "number") return String(value);
  const list = Array.isArray(value) && value.every((v) => typeof v === "string" || typeof v === "number");
  return list ? value.join(",") : undefined;
}
