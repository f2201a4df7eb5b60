// What is seen of a training: a bar on a terminal, one plain line per epoch elsewhere.

import type { WriteStream } from "node:tty";
import cliProgress from "cli-progress";
import type { EpochEvent, EvalEvent, StepEvent } from "../train/events.js";

/** Figures of an evaluation in words: `accuracy 97.5 %`, `error 2.31`. */
export type EvaluationText = (event: EvalEvent) => string;

/** Shows a training. */
export interface Progress {
  step(event: StepEvent): void;
  epoch(event: EpochEvent): void;
  evaluated(event: EvalEvent): void;
  end(): void;
}

/** Whether a stream shows colours: a terminal, unless NO_COLOR or TERM says no. */
export function showsColors(stream: WriteStream): boolean {
  return stream.isTTY === true && stream.hasColors();
}

const speed = (examplesPerSecond: number): string =>
  `${Math.round(examplesPerSecond).toLocaleString("en-US")} examples/s`;

/** One line per epoch. */
export class PlainProgress implements Progress {
  #epoch: EpochEvent | undefined;

  constructor(
    private readonly out: WriteStream,
    private readonly epochs: number,
    private readonly text: EvaluationText,
  ) {}

  step(): void {}

  epoch(event: EpochEvent): void {
    this.#epoch = event;
  }

  evaluated(event: EvalEvent): void {
    const { loss, examplesPerSecond } = this.#epoch ?? { loss: Number.NaN, examplesPerSecond: Number.NaN };
    const place = `${String(event.epoch).padStart(String(this.epochs).length)}/${this.epochs}`;
    this.out.write(
      `epoch ${place}  loss ${loss.toFixed(4)}  ${this.text(event)}  ${speed(examplesPerSecond)}\n`,
    );
  }

  end(): void {}
}

/** A bar over all steps. */
export class BarProgress implements Progress {
  readonly #bar: cliProgress.SingleBar;
  #shown = { epoch: "0", loss: "-", held: "-", speed: "-" };
  #weightedSpeed = 0;

  constructor(
    out: WriteStream,
    epochs: number,
    steps: number,
    private readonly text: EvaluationText,
  ) {
    const bar = showsColors(out) ? "\u001b[36m{bar}\u001b[39m" : "{bar}";
    const format = `epoch {epoch}/${epochs} ${bar} {percentage} % | loss {loss} | {held} | {speed}`;
    this.#bar = new cliProgress.SingleBar(
      { format, stream: out, barsize: 24, fps: 10, hideCursor: true, gracefulExit: false },
      cliProgress.Presets.shades_classic,
    );
    this.#bar.start(steps, 0, this.#shown);
  }

  step({ epoch, loss, examplesPerSecond }: StepEvent): void {
    // A mean that forgets: single steps of a fraction of a millisecond jump about.
    this.#weightedSpeed =
      this.#weightedSpeed === 0 ? examplesPerSecond : 0.95 * this.#weightedSpeed + 0.05 * examplesPerSecond;
    this.#shown = {
      ...this.#shown,
      epoch: String(epoch),
      loss: loss.toFixed(4),
      speed: speed(this.#weightedSpeed),
    };
    this.#bar.increment(1, this.#shown);
  }

  epoch({ loss }: EpochEvent): void {
    this.#shown = { ...this.#shown, loss: loss.toFixed(4) };
    this.#bar.update(this.#shown);
  }

  evaluated(event: EvalEvent): void {
    this.#shown = { ...this.#shown, held: this.text(event) };
    this.#bar.update(this.#shown);
  }

  end(): void {
    this.#bar.stop();
  }
}
