// What is seen of a training: a bar on a terminal, lines of JSON elsewhere.

import type { WriteStream } from "node:tty";
import cliProgress from "cli-progress";
import type { EndReason, EpochEvent, StepEvent } from "../train/events.js";
import { count } from "../train/text.js";
import { type Figures, figuresText } from "./figures.js";
import { printJson, printLine, showsColors } from "./output.js";

/** A training before its first step. */
export interface Beginning {
  readonly run: string;
  readonly data: string;
  readonly examples: number;
  readonly heldOut: number;
  readonly model: string;
  readonly parameters: number;
  readonly optimizer: string;
  readonly lr: number;
  readonly seed: number;
  readonly device: string;
  readonly epochs: number;
  /** In all. */
  readonly steps: number;
  /** Where a page follows it. */
  readonly dashboard?: string;
  /** Taken before, by the run that this one goes on with. */
  readonly step: number;
}

/** How it ended. */
export interface Ending {
  readonly reason: EndReason;
  readonly step: number;
  readonly epoch: number;
  readonly seconds: number;
  /** On what was held out. */
  readonly figures: Figures | undefined;
  /** The folder of the model. */
  readonly model: string;
}

/** Shows a training. */
export interface Progress {
  begin(about: Beginning): void;
  step(event: StepEvent): void;
  epoch(event: EpochEvent): void;
  evaluated(at: { readonly step: number; readonly epoch: number }, figures: Figures): void;
  end(how: Ending): void;
  /** Whatever happens: gives the cursor back. */
  close(): void;
}

/** The progress that suits standard output. `seconds` lie between lines of JSON, but for evaluations: each has one. */
export function progressFor(out: WriteStream, json: boolean, seconds: number): Progress {
  return out.isTTY && !json ? new BarProgress(out) : new JsonProgress(seconds);
}

/** Lines of JSON; `type` tells what a line is about. */
class JsonProgress implements Progress {
  #last = performance.now();
  #loss = Number.NaN;
  #speed = Number.NaN;

  constructor(private readonly seconds: number) {}

  begin(about: Beginning): void {
    printJson({ type: "begin", ...about });
  }

  step({ step, epoch, loss, lr, gradNorm, examplesPerSecond }: StepEvent): void {
    if (performance.now() - this.#last < 1000 * this.seconds) return;
    this.#last = performance.now();
    printJson({ type: "step", step, epoch, loss, lr, gradNorm, examplesPerSecond });
  }

  epoch({ loss, examplesPerSecond }: EpochEvent): void {
    [this.#loss, this.#speed] = [loss, examplesPerSecond];
  }

  evaluated({ step, epoch }: { step: number; epoch: number }, heldOut: Figures): void {
    this.#last = performance.now();
    printJson({ type: "eval", step, epoch, loss: this.#loss, examplesPerSecond: this.#speed, heldOut });
  }

  end({ figures, ...how }: Ending): void {
    printJson({ type: "end", ...how, ...(figures && { heldOut: figures }) });
  }

  close(): void {}
}

const speed = (examplesPerSecond: number): string => `${count(Math.round(examplesPerSecond))} examples/s`;

/** What the bar says. */
interface Shown {
  readonly epoch: string;
  readonly loss: string;
  readonly held: string;
  readonly speed: string;
}

/** A bar over all steps, between lines about what is trained and what came of it. */
class BarProgress implements Progress {
  #bar: cliProgress.SingleBar | undefined;
  #shown: Shown = { epoch: "0", loss: "-", held: "-", speed: "-" };
  #weightedSpeed = 0;
  #steps = 0;

  constructor(private readonly out: WriteStream) {}

  begin(about: Beginning): void {
    printLine("data", about.data);
    printLine("", `${count(about.examples)} examples to train on, ${count(about.heldOut)} held out`);
    printLine("model", `${about.model}, ${count(about.parameters)} parameters`);
    printLine("optimizer", `${about.optimizer}, lr ${about.lr}, seed ${about.seed}`);
    printLine("device", about.device);
    printLine("run", about.run);
    if (about.dashboard !== undefined) printLine("dashboard", about.dashboard);
    this.#steps = about.steps;
    const bar = showsColors(this.out) ? "\u001b[36m{bar}\u001b[39m" : "{bar}";
    const format = `epoch {epoch}/${about.epochs} ${bar} {percentage} % | loss {loss} | {held} | {speed}`;
    this.#bar = new cliProgress.SingleBar(
      { format, stream: this.out, barsize: 24, fps: 10, hideCursor: true, gracefulExit: false },
      cliProgress.Presets.shades_classic,
    );
    this.#bar.start(about.steps, about.step, this.#shown);
  }

  step({ step, epoch, loss, examplesPerSecond }: StepEvent): void {
    // A mean that forgets: single steps of a fraction of a millisecond jump about.
    this.#weightedSpeed =
      this.#weightedSpeed === 0 ? examplesPerSecond : 0.95 * this.#weightedSpeed + 0.05 * examplesPerSecond;
    this.#show({ epoch: String(epoch), loss: loss.toFixed(4), speed: speed(this.#weightedSpeed) });
    this.#bar?.update(step);
  }

  epoch({ loss }: EpochEvent): void {
    this.#show({ loss: loss.toFixed(4) });
  }

  evaluated(_: object, figures: Figures): void {
    this.#show({ held: figuresText(figures) });
  }

  end({ reason, step, seconds, figures, model }: Ending): void {
    this.close();
    const time = `in ${seconds.toFixed(1)} s`;
    if (reason !== "completed") {
      const why = reason === "aborted" ? "" : ", as the loss no longer fell";
      printLine("stopped", `after step ${step} of ${this.#steps}, ${time}${why}`);
    }
    if (figures)
      printLine("held out", `${figuresText(figures)}, ${count(figures.examples)} examples, ${time}`);
    printLine("saved", model);
  }

  close(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #show(change: Partial<Shown>): void {
    this.#shown = { ...this.#shown, ...change };
    this.#bar?.update(this.#shown);
  }
}
