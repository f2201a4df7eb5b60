// What the events of a run come to: curves, the best evaluation, decisions of the guard, times.

import type { EndEvent, GuardStepEvent } from "../train/events.js";
import { scalarsOf } from "../train/goal.js";
import type { LoggedEvent, LoggedRun, RunDescription } from "./events.js";
import { NamedSeries, Series } from "./series.js";

/** Decisions of the guard that are listed; there may be as many as steps. */
const MOST_DECISIONS = 100;

/** A figure of the evaluations at its best, or the end. */
export interface Best {
  readonly value: number;
  readonly step: number;
}

/** The figures of a run, event by event. */
export class RunFigures {
  readonly trainLoss = new Series();
  readonly gradNorm = new Series();
  readonly lr = new Series();
  readonly speed = new Series();
  /** Of the validation set: loss, accuracy, and metrics that are numbers. */
  readonly evaluations = new NamedSeries();
  /** By parameter. */
  readonly updateRatios = new NamedSeries();
  readonly gradNorms = new NamedSeries();
  readonly memory = new NamedSeries();
  /** The newest decisions of the guard, and how many there were. */
  readonly decisions: GuardStepEvent[] = [];
  decisionCount = 0;
  checkpoints = { count: 0, bytes: 0, seconds: 0 };
  step = 0;
  epoch = 0;
  seconds = 0;
  end: EndEvent | undefined;
  readonly #best = new Map<string, { min: Best; max: Best }>();

  constructor(
    readonly name: string,
    readonly description: RunDescription,
    readonly started: Date,
  ) {}

  /** The figures of a run that has been logged. */
  static of({ name, description, started, events }: LoggedRun, title = name): RunFigures {
    const figures = new RunFigures(title, description, started);
    for (const event of events) figures.add(event);
    return figures;
  }

  add(event: LoggedEvent): void {
    const { step, at: seconds } = event;
    const point = (value: number) => ({ step, seconds, value });
    [this.step, this.epoch, this.seconds] = [Math.max(this.step, step), event.epoch, seconds];
    switch (event.type) {
      case "step":
        this.trainLoss.add(point(event.loss));
        this.gradNorm.add(point(event.gradNorm));
        this.lr.add(point(event.lr));
        this.speed.add(point(event.examplesPerSecond));
        break;
      case "eval":
        for (const [name, value] of Object.entries(scalarsOf(event))) {
          this.evaluations.add(name, point(value));
          this.#compare(name, { value, step });
        }
        break;
      case "telemetry":
        for (const { name, updateRatio, gradNorm } of event.parameters) {
          this.updateRatios.add(name, point(updateRatio));
          this.gradNorms.add(name, point(gradNorm));
        }
        break;
      case "guard":
        this.decisionCount += 1 + event.lost;
        this.decisions.push(event);
        if (this.decisions.length > MOST_DECISIONS) this.decisions.shift();
        break;
      case "memory":
        this.memory.add("in use", point(event.live));
        this.memory.add("peak", point(event.peak));
        break;
      case "checkpoint": {
        const { count, bytes, seconds: before } = this.checkpoints;
        this.checkpoints = {
          count: count + 1,
          bytes: bytes + event.bytes,
          seconds: before + event.seconds,
        };
        break;
      }
      case "end":
        this.end = event;
    }
  }

  #compare(name: string, found: Best): void {
    if (Number.isNaN(found.value)) return;
    const { min, max } = this.#best.get(name) ?? { min: found, max: found };
    this.#best.set(name, {
      min: found.value < min.value ? found : min,
      max: found.value > max.value ? found : max,
    });
  }

  /** The best loss, the best accuracy; undefined without an evaluation. */
  best(name: "loss" | "accuracy"): Best | undefined {
    return this.#best.get(name)?.[name === "loss" ? "min" : "max"];
  }
}
