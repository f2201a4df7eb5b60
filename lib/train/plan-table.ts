// The result of plan(): choices in the order in which they are proposed, and a table of them.

import { ArgumentError } from "../errors.js";
import type { Precision } from "../optim/precision.js";
import type { OptimizerClass } from "./plan.js";
import { aligned, bytesText } from "./text.js";

/** Bytes of device memory. */
export interface PlanBytes {
  readonly parameters: number;
  readonly gradients: number;
  /** States of the optimizer, with the running mean and the bf16 copy of the parameters. */
  readonly state: number;
  /** Of the guard. */
  readonly snapshots: number;
  /** Tables and sums of the optimizer, and the memory of a recorded step: the batch and what is computed from it. */
  readonly temporaries: number;
  readonly total: number;
}

/** An optimizer that keeps its state in a precision. */
export interface PlanChoice {
  /** Of the class: `"AdamW"`. */
  readonly name: string;
  readonly optimizer: OptimizerClass;
  /** What the figures are for; the constructor of the class takes it. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly precision: Precision;
  readonly bytes: PlanBytes;
  /** Whether `bytes.total` is within the budget. */
  readonly fits: boolean;
}

/** An optimizer that does not take the model, what is wanted of all (`average`, `copy`), or this precision of its state. */
export interface PlanRefusal {
  readonly name: string;
  readonly precision: Precision;
  readonly reason: string;
}

const PARTS = ["parameters", "gradients", "state", "snapshots", "temporaries", "total"] as const;

/** What `plan` found. */
export class TrainingPlan {
  constructor(
    /** In the order in which they are proposed. */
    readonly choices: readonly PlanChoice[],
    /** Left out of `choices`, and why. */
    readonly refused: readonly PlanRefusal[],
    /** In bytes. */
    readonly budget: number | undefined,
  ) {}

  /** The first choice that fits the budget; undefined if none does. */
  get proposal(): PlanChoice | undefined {
    return this.choices.find(({ fits }) => fits);
  }

  /** The choice that takes least. Undefined only if every precision that was asked for is refused. */
  get smallest(): PlanChoice | undefined {
    return [...this.choices].sort((a, b) => a.bytes.total - b.bytes.total)[0];
  }

  /** The proposal. @throws ArgumentError if nothing fits the budget, saying what the smallest takes */
  propose(): PlanChoice {
    const { proposal, smallest, budget } = this;
    if (proposal) return proposal;
    if (!smallest) {
      const reasons = this.refused.map(({ reason }) => reason).join("; ");
      throw new ArgumentError({ argument: "plan: 'precision'", got: reasons, accepted: "another precision" });
    }
    throw new ArgumentError({
      argument: "plan: 'budget'",
      got: `${budget} bytes`,
      accepted: `at least ${smallest.bytes.total} bytes, which ${nameOf(smallest)} takes`,
    });
  }

  /** A table for people: a line for each choice, the proposal marked. */
  toString(): string {
    const { proposal, smallest, budget } = this;
    const rows = this.choices.map((choice) => [
      choice === proposal ? "*" : "",
      choice.name,
      choice.precision,
      ...PARTS.map((part) => bytesText(choice.bytes[part])),
      choice.fits ? "" : `${bytesText(choice.bytes.total - (budget ?? 0))} too much`,
    ]);
    const lines = aligned([["", "optimizer", "precision", ...PARTS, ""], ...rows], 3);
    const refused = this.refused.map(({ reason }) => `left out: ${reason}`);
    const limit = budget === undefined ? "" : ` within ${bytesText(budget)}`;
    const found = proposal
      ? `proposed${limit}: ${nameOf(proposal)}`
      : `nothing fits${limit}${smallest ? `; the smallest is ${nameOf(smallest)}, ${bytesText(smallest.bytes.total)}` : ""}`;
    return [...lines, ...refused, found].join("\n");
  }
}

const nameOf = ({ name, precision }: PlanChoice): string => `${name} with ${precision} state`;
