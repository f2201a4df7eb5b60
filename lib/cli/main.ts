#!/usr/bin/env node
// The command line: finds the verb, and turns what goes wrong into one line and an exit code.

import { describe } from "../errors.js";
import { packageVersion } from "../train/version.js";
import { EXIT, type ExitCode, UsageError } from "./errors.js";
import { helpText, verbHelp } from "./help.js";
import { VERBS } from "./verbs.js";

async function main(words: readonly string[]): Promise<ExitCode> {
  const [first, ...rest] = words;
  if (first === "--version" || first === "-v") return print(`${packageVersion()}\n`);
  const name = first === "help" ? rest[0] : first;
  const found = VERBS.find((verb) => verb.name === name);
  const asksHelp = first === "help" || words.includes("--help") || words.includes("-h");
  if (found && asksHelp) return print(verbHelp(found));
  if (found) return found.call(rest);
  if (name === undefined || name === "--help" || name === "-h") return print(helpText(VERBS));
  const accepted = [...VERBS.map((verb) => verb.name), "--help", "--version"].join(", ");
  throw new UsageError({ argument: "adastep", got: describe(name), accepted });
}

function print(text: string): ExitCode {
  process.stdout.write(text);
  return EXIT.ok;
}

// A reader that leaves early, such as `| head`, ends the command; that is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? EXIT.ok : EXIT.failed);
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const usage = error instanceof UsageError;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`adastep: ${message}\n${usage ? "adastep --help shows what is accepted\n" : ""}`);
  if (process.env.DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exitCode = usage ? EXIT.usage : EXIT.failed;
}
