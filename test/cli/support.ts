// Runs the command line as its user does: dist/cli/main.js in a process of its own, in a folder of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

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
    stdio: ["ignore", "pipe", "pipe"],
  });
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

/** A folder that is gone afterwards. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "adastep-cli-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
