// The numbers of a trainer's event, by the tags that TensorBoard groups them by.

import type { TrainerEvent } from "../train/events.js";
import { scalarsOf } from "../train/goal.js";
import type { Metrics } from "../train/metrics.js";

type Scalars = Readonly<Record<string, number>>;
type Event = TrainerEvent<Metrics>;
type Tagged = { readonly [T in Event["type"]]?: (event: Extract<Event, { type: T }>) => Scalars };

const prefixed = (prefix: string, numbers: Scalars): Scalars =>
  Object.fromEntries(Object.entries(numbers).map(([name, value]) => [`${prefix}/${name}`, value]));

const TAGS: Tagged = {
  step: ({ loss, gradNorm, lr, examplesPerSecond }) => ({
    "train/loss": loss,
    "train/grad_norm": gradNorm,
    "train/lr": lr,
    "train/examples_per_second": examplesPerSecond,
  }),
  epoch: ({ loss, epoch }) => ({ "epoch/loss": loss, "epoch/epoch": epoch }),
  eval: (event) => prefixed("eval", scalarsOf(event)),
  guard: ({ lrFactor, value }) => ({ "guard/lr_factor": lrFactor, "guard/value": value }),
  telemetry: ({ parameters }) => ({
    ...prefixed("update_ratio", Object.fromEntries(parameters.map((p) => [p.name, p.updateRatio]))),
    ...prefixed("grad_norm", Object.fromEntries(parameters.map((p) => [p.name, p.gradNorm]))),
    ...prefixed("param_norm", Object.fromEntries(parameters.map((p) => [p.name, p.paramNorm]))),
  }),
};

/** By tag: `"train/loss"`, `"eval/accuracy"`, `"update_ratio/0.weight"`; none for events without numbers. */
export function scalarsOfEvent(event: Event): Scalars {
  const tags = TAGS[event.type] as ((event: Event) => Scalars) | undefined;
  return tags?.(event) ?? {};
}
