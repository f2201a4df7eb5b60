// The events of a run as they are kept: those of the trainer, what the device's memory was, and when each came.

import type { TrainerEvent } from "../train/events.js";
import type { Metrics } from "../train/metrics.js";

/** The memory of the device at the end of an epoch, in bytes. */
export interface MemoryEvent {
  readonly type: "memory";
  readonly step: number;
  readonly epoch: number;
  /** In buffers that exist. */
  readonly live: number;
  /** The largest `live` so far. */
  readonly peak: number;
}

/** An event of a run, and when it came: in seconds from the run's begin, without those between a run and its resumption. */
export type LoggedEvent = (TrainerEvent<Metrics> | MemoryEvent) & { readonly at: number };

/** What a run is of, for reports. All of it is optional: a report leaves out what it does not know. */
export interface RunDescription {
  /** The model in one line. */
  readonly model?: string;
  /** Elements of all parameters. */
  readonly parameters?: number;
  /** Name of the optimizer. */
  readonly optimizer?: string;
  /** Learning rate of the first group, without the schedule. */
  readonly lr?: number;
  readonly seed?: number;
  /** Bytes of the optimizer's state. */
  readonly stateBytes?: number;
  readonly device?: string;
}

/** A run as reports take it. */
export interface LoggedRun {
  /** What legends call it. */
  readonly name: string;
  /** When it began. */
  readonly started: Date;
  readonly description: RunDescription;
  /** What the user noted of it: JSON. */
  readonly config: Readonly<Record<string, unknown>>;
  /** In their order; those of steps that a resumption did anew are there once. */
  readonly events: readonly LoggedEvent[];
}

/** What is told of a run while it goes on: a run log, TensorBoard's files, a dashboard. */
export interface EventSink {
  /** The run begins now: what it counts its time from. Without this call it counts from when the sink was opened. */
  begin?(): void;
  write(event: TrainerEvent<Metrics>): void;
}

/**
 * The events of a run, each told to the sinks before it is passed on:
 *
 * ```ts
 * await using log = await openRunLog("runs/1", { trainer });
 * for await (const event of follow(trainer.run(train, options), log)) show(event);
 * ```
 */
export async function* follow<E extends TrainerEvent<Metrics>>(
  events: AsyncIterable<E>,
  ...sinks: readonly EventSink[]
): AsyncGenerator<E, void, void> {
  for (const sink of sinks) sink.begin?.();
  for await (const event of events) {
    for (const sink of sinks) sink.write(event);
    yield event;
  }
}
