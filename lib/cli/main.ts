#!/usr/bin/env node
// The command line: finds the command, and turns what goes wrong into one line and an exit code.

import { packageVersion } from "../train/version.js";
import { HELP, UsageError } from "./usage.js";

/** Of a run, in the order of what can go wrong. */
const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

async function main(words: readonly string[]): Promise<void> {
  const [command, ...rest] = words;
  if (words.length === 0 || words.includes("--help") || words.includes("-h") || command === "help") {
    process.stdout.write(HELP);
    return;
  }
  // Commands are imported when they are asked for: help and version work without the native addon.
  switch (command) {
    case "--version":
    case "-v":
      process.stdout.write(`${packageVersion()}\n`);
      return;
    case "devices": {
      if (rest.length > 0) throw new UsageError(`devices: got "${rest[0]}", accepted: no argument`);
      const { devicesText } = await import("./devices.js");
      process.stdout.write(devicesText());
      return;
    }
    case "train": {
      const { parseTrain } = await import("./options.js");
      const parsed = parseTrain(rest);
      const { train } = await import("./train.js");
      await train(parsed);
      return;
    }
    default:
      throw new UsageError(`got "${command}", accepted: train, devices, --help, --version`);
  }
}

// A reader that leaves early, such as `| head`, ends the command; that is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? EXIT.ok : EXIT.failed);
});

try {
  await main(process.argv.slice(2));
  process.exitCode = EXIT.ok;
} catch (error) {
  const usage = error instanceof UsageError;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`adastep: ${message}\n${usage ? "adastep --help shows what is accepted\n" : ""}`);
  if (process.env.DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exitCode = usage ? EXIT.usage : EXIT.failed;
}
