// A folder of checkpoints: which there are, which is the newest, which is the best, and which may go.

import { readdir, readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileError, makeFolder } from "../data/files.js";
import { AdastepError, DataError } from "../errors.js";
import { removeFolder, STATE_FILE, UNFINISHED } from "./checkpoint-files.js";
import { type CheckpointState, parseState } from "./checkpoint-state.js";
import { type CheckedGoal, isBetter } from "./goal.js";

/** A checkpoint in a folder of them. */
export interface CheckpointEntry {
  /** The folder of this checkpoint. */
  readonly path: string;
  /** Counts the checkpoints that were written there: the largest is the newest. */
  readonly number: number;
  /** Steps and epochs of the training. */
  readonly step: number;
  readonly epoch: number;
  /** Figures of the evaluation at this step, if there was one. */
  readonly figures: Readonly<Record<string, number>> | undefined;
}

const NAME = /^(\d{6,})-step-(\d+)$/;

/** What a checkpoint is called: by the count of all that were written to its folder, and its step. */
export function nameOf(number: number, step: number): string {
  return `${String(number).padStart(6, "0")}-step-${step}`;
}

/** A checkpoint as its name tells of it, whatever is in it. */
export interface NamedCheckpoint extends Pick<CheckpointEntry, "path" | "number" | "step"> {
  readonly name: string;
}

/**
 * The checkpoints in a folder by their names alone, oldest first; none if there is no such folder.
 * @throws DataError (rejects) for a folder that cannot be read
 */
export async function namedCheckpoints(directory: string): Promise<NamedCheckpoint[]> {
  return namedIn(directory, await namesIn(directory));
}

function namedIn(directory: string, names: readonly string[]): NamedCheckpoint[] {
  const entries = names.flatMap((name) => {
    const [, number, step] = NAME.exec(name) ?? [];
    if (number === undefined) return [];
    return [{ name, path: join(resolve(directory), name), number: Number(number), step: Number(step) }];
  });
  return entries.sort((a, b) => a.number - b.number);
}

/**
 * The checkpoints in a folder, oldest first; none if there is no such folder.
 * @throws DataError (rejects) for a folder that cannot be read, or a checkpoint whose state file is damaged
 */
export async function listCheckpoints(directory: string): Promise<CheckpointEntry[]> {
  return Promise.all((await namedCheckpoints(directory)).map(readEntry));
}

async function readEntry({ path, number }: NamedCheckpoint): Promise<CheckpointEntry> {
  const { step, position, figures } = await readState(path);
  return { path, number, step, epoch: position.epoch, figures };
}

/** The checkpoint that `path` is, or the newest of those in it. @throws DataError if there is none */
export async function findCheckpoint(path: string): Promise<string> {
  const names = await namesIn(path);
  if (names.includes(STATE_FILE)) return resolve(path);
  const newest = namedIn(path, names).at(-1);
  if (newest) return newest.path;
  const accepted = "a folder that a Trainer with 'checkpoints' has written, or a checkpoint in it";
  const got = names.length > 0 ? "a folder without a checkpoint" : "no checkpoint";
  throw new DataError({ argument: path, got, accepted });
}

/** The state file of a checkpoint. @throws DataError that names the file, for anything else */
export async function readState(path: string): Promise<CheckpointState> {
  const file = join(path, STATE_FILE);
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw fileError(file, cause, "a file that can be read");
  });
  try {
    return parseState(text);
  } catch (cause) {
    if (!(cause instanceof AdastepError)) throw cause;
    throw new DataError(`${file} is no state of a checkpoint: ${cause.message}`, { cause });
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw fileError(directory, cause, "a folder that can be read");
  }
}

/** Makes the folder if it is not there, and removes what processes that were killed have left. */
export async function prepareFolder(directory: string): Promise<void> {
  await makeFolder(directory);
  try {
    const left = (await namesIn(directory)).filter((name) => UNFINISHED.test(name));
    for (const name of left) await rm(join(directory, name), { recursive: true, force: true });
  } catch (cause) {
    throw fileError(directory, cause, "a folder that can be written");
  }
}

/** The best of the checkpoints that were evaluated, the older of equals. */
export function bestOf(
  entries: readonly CheckpointEntry[],
  { metric, mode }: CheckedGoal,
): CheckpointEntry | undefined {
  let best: CheckpointEntry | undefined;
  for (const entry of entries) {
    const value = entry.figures?.[metric];
    if (value !== undefined && isBetter(mode, value, best?.figures?.[metric])) best = entry;
  }
  return best;
}

/**
 * Removes all checkpoints but the last `keepLast` and the best. One that is followed by another of the same step, which has the
 * evaluation of that step too, is not among the last. One that cannot be read may be the best: where that is kept, it stays.
 */
export async function prune(
  directory: string,
  keepLast: number,
  goal: CheckedGoal | undefined,
): Promise<void> {
  const entries = await namedCheckpoints(directory);
  const last = entries.filter(({ step }, i) => entries[i + 1]?.step !== step).slice(-keepLast);
  const old = entries.filter((entry) => !last.includes(entry));
  const removed = goal && old.length > 0 ? await beaten(entries, old, goal) : old;
  for (const { name } of removed) await removeFolder(directory, name);
}

/** Those of the `old` ones that are not the best of all. */
async function beaten(
  all: readonly NamedCheckpoint[],
  old: readonly NamedCheckpoint[],
  goal: CheckedGoal,
): Promise<NamedCheckpoint[]> {
  const read = await Promise.all(all.map((entry) => readEntry(entry).catch(() => undefined)));
  const known = new Set(read.map((entry) => entry?.path));
  const best = bestOf(
    read.filter((entry) => entry !== undefined),
    goal,
  );
  return old.filter(({ path }) => known.has(path) && path !== best?.path);
}
