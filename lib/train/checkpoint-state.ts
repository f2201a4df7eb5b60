// The state file of a checkpoint: what is neither a parameter nor a state of the optimizer, as JSON.

import { checkInteger, checkKeys } from "../check.js";
import { ArgumentError, describe } from "../errors.js";
import type { ComputePrecision } from "../native/native.js";
import type { PlateauState } from "../optim/schedule/plateau.js";
import type { FileRecord } from "./checkpoint-files.js";
import type { EarlyStoppingState } from "./early-stopping.js";
import { fromExact, type PositionState } from "./position.js";

/** The first words of a state file; another number is another form. */
export const FORMAT = "adastep checkpoint 1";

/** What a training is of: a checkpoint continues no other one in the middle of an epoch. */
export interface TrainingConfig {
  readonly model: string;
  readonly optimizer: string;
  readonly seed: number;
  /** Of matrix products; "f32" in checkpoints from before there was another. */
  readonly precision: ComputePrecision;
  /** Examples of the data. */
  readonly examples: number;
  readonly batchSize: number;
  readonly accumulate: number;
  readonly shuffle: boolean;
}

/** What is in a state file. */
export interface CheckpointState {
  readonly format: typeof FORMAT;
  /** Version of this package. */
  readonly adastep: string;
  /** Steps taken: those of the optimizer. */
  readonly step: number;
  readonly config: TrainingConfig;
  readonly position: PositionState;
  /** Figures of the evaluation at this step. */
  readonly figures?: Readonly<Record<string, number>>;
  /** The best value of `keepBest` so far. */
  readonly best?: number;
  readonly plateau?: PlateauState;
  readonly earlyStopping?: EarlyStoppingState;
  /** The other files. */
  readonly files: Readonly<Record<string, FileRecord>>;
}

const KEYS = [
  ...["format", "adastep", "step", "config", "position", "figures", "best"],
  ...["plateau", "earlyStopping", "files"],
];
const CONFIG = ["model", "optimizer", "seed", "precision", "examples", "batchSize", "accumulate", "shuffle"];

/** Reads a state file. @throws ArgumentError for anything that is none; position, plateau and early stopping check theirs */
export function parseState(text: string): CheckpointState {
  let state: CheckpointState;
  try {
    state = JSON.parse(text) as CheckpointState;
  } catch (cause) {
    throw new ArgumentError(
      { argument: "state", got: cause instanceof Error ? cause.message : String(cause), accepted: "JSON" },
      { cause },
    );
  }
  checkKeys("state", state, KEYS);
  if (state.format !== FORMAT)
    throw new ArgumentError({
      argument: "state: 'format'",
      got: describe(state.format),
      accepted: describe(FORMAT),
    });
  checkInteger("state: 'step'", state.step, 0);
  checkKeys("state: 'config'", state.config, CONFIG);
  checkKeys("state: 'files'", state.files, Object.keys(state.files ?? {}));
  checkInteger("state: 'position.epoch'", state.position?.epoch, 0);
  const figures = Object.entries(state.figures ?? {}).map(([name, value]) => [
    name,
    fromExact(`state: 'figures.${name}'`, value),
  ]);
  return {
    ...state,
    config: { ...state.config, precision: state.config.precision ?? "f32" },
    ...(state.figures && { figures: Object.fromEntries(figures) as Record<string, number> }),
    ...(state.best !== undefined && { best: fromExact("state: 'best'", state.best) }),
  };
}
