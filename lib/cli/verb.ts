// A verb of the command line: a row of the table from which help, parsing and dispatch come.

import type { ExitCode } from "./errors.js";
import { type Flags, type Operand, type Parsed, parseWords } from "./flags.js";

/** What a verb consists of. */
export interface VerbSpec<F extends Flags> {
  readonly name: string;
  /** One line for the list of verbs. */
  readonly summary: string;
  readonly operands: readonly Operand[];
  readonly flags: F;
  /** What else there is to know, for the help of the verb and the manual: paragraphs. */
  readonly details?: readonly string[];
  /** Commands that work. */
  readonly examples: readonly string[];
  /** Does it. What it needs is imported then: help and version work without the native addon. */
  readonly run: (parsed: Parsed<F>) => Promise<ExitCode>;
}

/** A verb whose flags are its own business. */
export interface Verb extends Omit<VerbSpec<Flags>, "run"> {
  /** Reads the words after the verb, and does it. @throws UsageError (rejects) for words that are wrong */
  readonly call: (words: readonly string[]) => Promise<ExitCode>;
}

/** A row of the table. */
export function verb<F extends Flags>({ run, ...rest }: VerbSpec<F>): Verb {
  const call = async (words: readonly string[]): Promise<ExitCode> =>
    run(parseWords(rest.name, rest.flags, rest.operands, words));
  return { ...rest, call };
}
