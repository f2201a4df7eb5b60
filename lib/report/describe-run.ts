// What a run is of, read off its trainer.

import { describeModel } from "../train/describe.js";
import type { Metrics } from "../train/metrics.js";
import type { Trainer } from "../train/trainer.js";
import type { RunDescription } from "./events.js";

/** Model, optimizer and device of a trainer in words and numbers. */
export function describeRun<M extends Metrics>({ model, optimizer, device }: Trainer<M>): RunDescription {
  const lr = optimizer.groups[0]?.lr;
  return {
    model: describeModel(model),
    parameters: model.parameters().reduce((sum, { value }) => sum + value.length, 0),
    optimizer: optimizer.constructor.name,
    ...(lr !== undefined && { lr }),
    stateBytes: optimizer.bytes.state,
    device: `${device}`,
  };
}
