// Runs the command line as its user does: dist/cli/main.js in a process of its own, in a folder of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Rent, rentsCsv } from "./tables.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** What a command left behind. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command runs. */
export interface Setting {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Runs it on a terminal, by util-linux' `script`; everything is then on stdout. */
  readonly terminal?: boolean;
  /** What comes on standard input; by default it is empty. */
  readonly input?: string;
  /** Leaves standard input open, for `watch` to write to. */
  readonly keepInput?: boolean;
  /** Called with what has been written so far, whenever there is more. */
  readonly watch?: (stdout: string, child: ChildProcess) => void;
}

/** Runs `adastep` with these words and waits for its end. */
export async function adastep(words: readonly string[], setting: Setting = {}): Promise<Outcome> {
  const { NO_COLOR: _no, FORCE_COLOR: _force, CI: _ci, DEBUG: _debug, ...plain } = process.env;
  const command = [process.execPath, MAIN, ...words];
  const [program = "", ...args] = setting.terminal
    ? [
        "script",
        "--quiet",
        "--return",
        "--command",
        command.map((word) => `'${word}'`).join(" "),
        "/dev/null",
      ]
    : command;
  const child = spawn(program, args, {
    cwd: setting.cwd ?? tmpdir(),
    env: { ...plain, TERM: "xterm-256color", ...setting.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => undefined); // a command that fails does not read it to its end
  if (!setting.keepInput) child.stdin.end(setting.input ?? "");
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    setting.watch?.(stdout, child);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

/** Preloaded, it sends the signals of SIGNALLED after a line that is written. */
const SIGNALLED = `--import=${new URL("signalled.mjs", import.meta.url)}`;

/** Trains in the folder, and has the process sent these signals after the line of a step, or of a type. */
export const interrupted = (
  cwd: string,
  words: readonly string[],
  signals: string,
  line: number | "begin",
): Promise<Outcome> =>
  adastep(words, { cwd, env: { NODE_OPTIONS: SIGNALLED, SIGNALLED: `${signals} ${line}` } });

/** A line of JSON of a training; `type` tells what it is about. */
export interface Line {
  readonly type: string;
  readonly step: number;
  readonly epoch: number;
  readonly reason?: string;
  readonly loss?: number;
  readonly heldOut?: { readonly loss: number; readonly accuracy?: number; readonly rmse?: number };
  readonly [key: string]: unknown;
}

/** Lines of JSON, the last one of which may not have come as a whole yet. */
export function linesOf(stdout: string): Line[] {
  return stdout
    .slice(0, stdout.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}

/** The last line of a training: what it ended with. */
export function endOf({ stdout }: Outcome): Line {
  const last = linesOf(stdout).at(-1);
  if (last?.type !== "end") throw new Error(`the training did not end: ${stdout.slice(-200)}`);
  return last;
}

/** Writes the rents as rents.csv and trains on them, in the run "r" of the folder. */
export async function trainRents(cwd: string, rows: readonly Rent[], epochs: number): Promise<Outcome> {
  await writeFile(join(cwd, "rents.csv"), rentsCsv(rows));
  const course = ["--task", "regression", "--ignore", "id", "--epochs", `${epochs}`, "--run", "r"];
  return adastep(["train", "rents.csv", ...course], { cwd });
}

/** A folder that is gone afterwards. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "adastep-cli-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
