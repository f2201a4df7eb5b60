// Writing checkpoints during a run: when, under which name, and how many are kept.

import { dirname, resolve } from "node:path";
import { checkInteger, checkKeys, checkNumber, given } from "../check.js";
import { encodeSafetensors } from "../data/safetensors.js";
import { ArgumentError, describe } from "../errors.js";
import type { Module } from "../nn/module.js";
import type { Optimizer } from "../optim/optimizer.js";
import { writeFolder } from "./checkpoint-files.js";
import { namedCheckpoints, nameOf, prepareFolder, prune } from "./checkpoint-list.js";
import { type CheckpointState, FORMAT } from "./checkpoint-state.js";
import type { KeptParameters } from "./early-stopping.js";
import { type CheckedGoal, checkGoal, isBetter, type MetricGoal } from "./goal.js";
import { exact } from "./position.js";
import { encodeModel } from "./save.js";
import { encodeOptimizer } from "./save-optimizer.js";
import { encodeSnapshots } from "./save-snapshots.js";
import { packageVersion } from "./version.js";

/** Where and when a run writes checkpoints; it always writes one at its end, unless its consumer leaves it. */
export interface CheckpointOptions {
  /** A folder for the checkpoints of one training, each a folder in it. It is made if it is not there; one process writes there. */
  readonly directory: string;
  /**
   * How often. Default `{ epochs: 1 }`. With `seconds`, an epoch that ends sooner than that after the last one was written, or after
   * the run began, writes none: where epochs are short, most of the time would go into flushing files to the disk.
   */
  readonly every?: { readonly steps: number } | { readonly epochs: number; readonly seconds?: number };
  /** How many of the newest are kept. Default 3. */
  readonly keepLast?: number;
  /** Writes one after each evaluation that is the best so far, too, and keeps it until there is a better one. Default: no. */
  readonly keepBest?: MetricGoal;
}

export interface CheckedCheckpoints {
  readonly directory: string;
  readonly every: { readonly steps?: number; readonly epochs?: number; readonly seconds: number };
  readonly keepLast: number;
  readonly keepBest: CheckedGoal | undefined;
}

export function checkCheckpoints(owner: string, options: CheckpointOptions): CheckedCheckpoints {
  checkKeys(owner, options, ["directory", "every", "keepLast", "keepBest"]);
  const at = owner.slice(0, -1);
  const { directory } = options;
  if (typeof directory !== "string" || directory === "") {
    const accepted = "the path of a folder";
    throw new ArgumentError({ argument: `${at}.directory'`, got: describe(directory), accepted });
  }
  return {
    directory: resolve(directory),
    every: checkEvery(`${at}.every`, given(options.every, { epochs: 1 }) as object),
    keepLast: checkInteger(`${at}.keepLast'`, given(options.keepLast, 3), 1),
    keepBest: options.keepBest === undefined ? undefined : checkGoal(`${at}.keepBest'`, options.keepBest),
  };
}

function checkEvery(at: string, every: object): CheckedCheckpoints["every"] {
  checkKeys(`${at}'`, every, ["steps", "epochs", "seconds"]);
  const { seconds, ...counts } = every as { readonly seconds?: unknown };
  const units = Object.entries(counts);
  if (units.length !== 1 || (seconds !== undefined && !("epochs" in counts))) {
    const accepted = "{ steps }, { epochs } or { epochs, seconds }";
    const got = Object.keys(every).join(" and ") || "none";
    throw new ArgumentError({ argument: `${at}'`, got, accepted });
  }
  for (const [unit, count] of units) checkInteger(`${at}.${unit}'`, count, 1);
  const least = checkNumber(`${at}.seconds'`, given(seconds, 0), "a number, 0 or more", (v) => v >= 0);
  return { ...counts, seconds: least };
}

/** What a checkpoint holds beside parameters and optimizer. */
export interface CheckpointContent
  extends Omit<CheckpointState, "format" | "adastep" | "step" | "files" | "best"> {
  /** Parameters of the best evaluation, of early stopping. */
  readonly kept: KeptParameters | undefined;
}

/** A checkpoint that was written. */
export interface WrittenCheckpoint {
  readonly path: string;
  readonly bytes: number;
  readonly seconds: number;
  /** Whether it is the best so far; without `keepBest` none is. */
  readonly best: boolean;
}

/** Writes the checkpoints of a trainer. */
export class CheckpointWriter {
  #opened = false;
  #number = 0;
  #best: number | undefined;
  /** When the last one was written, or the run began. */
  #since = 0;
  /** The step that was written last. */
  written = -1;

  constructor(
    readonly options: CheckedCheckpoints,
    readonly model: Module,
    readonly optimizer: Optimizer,
    /** Snapshots that the guard keeps. */
    readonly slots: number,
  ) {}

  /** Goes on after a checkpoint that was read: in its own folder it may write beside it. */
  continue(path: string, { step, best }: CheckpointState): void {
    if (dirname(path) !== this.options.directory) return;
    this.#opened = true;
    this.written = step;
    this.#best = best;
  }

  /**
   * Before the first write: makes the folder.
   * @throws ArgumentError for the folder of another training: to go on with that, or to start anew elsewhere, is up to the user
   */
  async open(): Promise<void> {
    const { directory } = this.options;
    await prepareFolder(directory);
    const newest = (await namedCheckpoints(directory)).at(-1);
    if (newest && !this.#opened) {
      throw new ArgumentError({
        argument: "Trainer: 'checkpoints.directory'",
        got: `${directory}, which holds a checkpoint of step ${newest.step}`,
        accepted: "a folder without checkpoints; Trainer.resume continues one",
      });
    }
    this.#opened = true;
    this.#number = newest?.number ?? 0;
    this.#since = performance.now();
  }

  isDueAfterStep(step: number): boolean {
    const { steps } = this.options.every;
    return steps !== undefined && step % steps === 0;
  }

  isDueAfterEpoch(epoch: number): boolean {
    const { epochs, seconds } = this.options.every;
    if (epochs === undefined || epoch % epochs !== 0) return false;
    return performance.now() - this.#since >= 1000 * seconds;
  }

  /** Whether the figures are the best so far. @throws ArgumentError for figures without the one that `keepBest` names */
  isBest(figures: Readonly<Record<string, number>> | undefined): boolean {
    const { keepBest } = this.options;
    if (!keepBest || !figures) return false;
    const value = Object.hasOwn(figures, keepBest.metric) ? figures[keepBest.metric] : undefined;
    if (value !== undefined) return isBetter(keepBest.mode, value, this.#best);
    throw new ArgumentError({
      argument: "Trainer: 'checkpoints.keepBest.metric'",
      got: describe(keepBest.metric),
      accepted: `a figure of the evaluations: ${Object.keys(figures).join(", ")}`,
    });
  }

  /** Writes one of what parameters and optimizer are now, and removes those that are no longer kept. No step may be under way. */
  async write({ kept, figures, ...content }: CheckpointContent): Promise<WrittenCheckpoint> {
    const began = performance.now();
    const { directory, keepLast, keepBest } = this.options;
    const step = this.optimizer.stepCount;
    const best = this.isBest(figures);
    if (best && keepBest) this.#best = figures?.[keepBest.metric];
    this.optimizer.flush();
    const [model, optimizer, snapshots] = await Promise.all([
      encodeModel(this.model),
      encodeOptimizer(this.optimizer),
      this.optimizer.snapshots.read(this.slots),
    ]);
    const chunks = {
      "model.safetensors": model,
      "optimizer.safetensors": optimizer,
      ...(snapshots && { "snapshots.safetensors": encodeSnapshots(snapshots, this.slots) }),
      ...(kept && { "best.safetensors": encodeKept(kept) }),
    };
    const path = await writeFolder(directory, nameOf(this.#number + 1, step), chunks, (files) => {
      const values = figures && { figures: exactly(figures) };
      const about = { format: FORMAT, adastep: packageVersion(), step };
      const top = this.#best !== undefined && { best: exact(this.#best) };
      return `${JSON.stringify({ ...about, ...content, ...values, ...top, files }, null, 1)}\n`;
    });
    this.#number += 1;
    this.written = step;
    await prune(directory, keepLast, keepBest);
    this.#since = performance.now();
    const bytes = Object.values(chunks)
      .flat()
      .reduce((sum, chunk) => sum + chunk.length, 0);
    return { path, bytes, seconds: (performance.now() - began) / 1000, best };
  }
}

function exactly(figures: Readonly<Record<string, number>>): Record<string, number | string> {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, exact(value)]));
}

function encodeKept(kept: KeptParameters): Uint8Array[] {
  const tensors = Object.entries(kept).map(([name, { shape, data }]) => [
    name,
    { dtype: "F32", shape, data } as const,
  ]);
  return encodeSafetensors(Object.fromEntries(tensors), { format: "pt", adastep: packageVersion() });
}
