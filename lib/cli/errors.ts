// How the command line fails: the codes it exits with, and the errors that are not those of the library.

import { ArgumentError } from "../errors.js";

/** What a command exits with. `interrupted` and `terminated` are 128 and the number of the signal, as shells count. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130, terminated: 143 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What each code means, for help and manual. */
export const EXIT_MEANINGS: readonly (readonly [code: ExitCode, meaning: string])[] = [
  [EXIT.ok, "done"],
  [
    EXIT.failed,
    "something is wrong with the data, the files or the run; one line on standard error says what",
  ],
  [EXIT.usage, "the command, or its configuration file, is written wrong"],
  [
    EXIT.interrupted,
    "ended by Ctrl-C; a training saves its checkpoint and its model first, unless there is a second one",
  ],
  [EXIT.terminated, "ended by SIGTERM, likewise"],
];

/** A command that is written wrong: exit code 2. */
export class UsageError extends ArgumentError {}

/** A run that went wrong although every part of it works: exit code 1. */
export class RunError extends Error {}
