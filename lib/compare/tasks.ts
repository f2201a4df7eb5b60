// The tasks of the comparison, as a table: data in three parts, a model, what is measured, and how long is trained.

import type { Dataset } from "../data/dataset.js";
import { namedDataset } from "../data/named.js";
import { Scaling, scaled } from "../data/scaling.js";
import { Linear, Sequential } from "../nn/layers.js";
import { crossEntropy, type Loss, meanSquaredError } from "../nn/losses.js";
import type { Module } from "../nn/module.js";
import { relu, tanh } from "../tensor/elementwise.js";
import type { Score } from "../train/sweep-summary.js";
import { readCars } from "./cars.js";
import { readMails, WordFilter } from "./mails.js";
import type { TaskName } from "./names.js";

type Examples = Dataset<"x" | "y">;

/** What a task is measured by. */
export interface TaskMetric {
  readonly name: string;
  /** `"accuracy"`: a share, the more the better. `"loss"`: an error in some unit, the less the better. */
  readonly score: Score;
  /** What has to be reached on the validation set. */
  readonly target: number;
  /** Learning rates are usable whose results are within this of the best of all optimizers. */
  readonly tolerance: number;
}

/** A task before its data are read. */
export interface TaskSpec {
  readonly about: string;
  readonly model: string;
  readonly metric: TaskMetric;
  readonly batchSize: number;
  readonly epochs: number;
  /** Steps between evaluations on the validation set. */
  readonly every: number;
  /** Whether most parameters have no gradient in most steps. */
  readonly sparse: boolean;
  readonly load: () => Promise<TaskData>;
}

/** The data of a task, and what is trained on them. */
export interface TaskData {
  readonly fit: Examples;
  /** By which learning rates are chosen, and which has to reach the target. */
  readonly validation: Examples;
  /** Which nothing is chosen by. */
  readonly test: Examples;
  readonly makeModel: () => Module;
  readonly loss: Loss;
  readonly inputScale: number;
  /** The metric of a loss, where it is no accuracy. */
  readonly metricOf: (loss: number) => number;
}

/** A task that can be run. */
export interface Task extends Omit<TaskSpec, "load">, TaskData {
  readonly name: TaskName;
}

/** Seeds the parts that the data are cut into: the same in all trials. */
const PARTS = { seed: 0 } as const;

export const TASKS: Readonly<Record<TaskName, TaskSpec>> = {
  digits: {
    about: "Handwritten digits of 8 x 8, 10 classes (UCI)",
    model: "perceptron 64-64-10, ReLU",
    metric: { name: "accuracy", score: "accuracy", target: 0.95, tolerance: 0.02 },
    ...{ batchSize: 32, epochs: 30, every: 13, sparse: false },
    load: () => pictures("digits"),
  },
  "fashion-mnist": {
    about: "Pictures of clothes of 28 x 28, 10 classes: the first 6,000 of 60,000 to train on (Zalando)",
    model: "perceptron 784-64-10, ReLU",
    metric: { name: "accuracy", score: "accuracy", target: 0.82, tolerance: 0.02 },
    ...{ batchSize: 64, epochs: 6, every: 16, sparse: false },
    load: () => pictures("fashion-mnist"),
  },
  "auto-mpg": {
    about: "Miles per gallon of 392 cars by seven figures of them, a regression (UCI)",
    model: "perceptron 9-32-32-1, tanh",
    metric: { name: "root mean square error, mpg", score: "loss", target: 2.7, tolerance: 0.25 },
    ...{ batchSize: 32, epochs: 120, every: 8, sparse: false },
    load: cars,
  },
  spam: {
    about: "Mails, spam or not, by the words in them, of which most are rare (Spam Assassin)",
    model:
      "logistic regression on a sparse table of the words; as its weights begin at 0, all large learning rates classify alike",
    metric: { name: "accuracy", score: "accuracy", target: 0.97, tolerance: 0.02 },
    ...{ batchSize: 32, epochs: 3, every: 8, sparse: true },
    load: spam,
  },
};

/** Reads the data of a task. @throws DataError or UnavailableError (rejects) saying what to install */
export async function loadTask(name: TaskName): Promise<Task> {
  const { load, ...spec } = TASKS[name];
  return { name, ...spec, ...(await load()) };
}

const same = (loss: number): number => loss;
/** Pictures of Fashion-MNIST that are trained on. */
const PICTURES = 6000;

async function pictures(name: "digits" | "fashion-mnist"): Promise<TaskData> {
  const { train, test, inputScale } = await namedDataset(name);
  const part = name === "digits" ? train : train.take(Math.round(PICTURES / 0.85));
  const [fit, validation] = part.split({ validation: 0.15, ...PARTS, stratify: "y" });
  const inputs = train.columns.x.shape[0] as number;
  const makeModel = () => new Sequential(new Linear(inputs, 64), relu, new Linear(64, 10));
  return { fit, validation, test, makeModel, loss: crossEntropy, inputScale, metricOf: same };
}

async function cars(): Promise<TaskData> {
  const [rest, held] = (await readCars()).split({ validation: 0.2, ...PARTS });
  const [own, chosen] = rest.split({ validation: 0.2, ...PARTS });
  const [x, y] = [Scaling.fit(own.columns.x), Scaling.fit(own.columns.y)];
  const [fit, validation, test] = [own, chosen, held].map((part) => scaled(part, { x, y })) as [
    Examples,
    Examples,
    Examples,
  ];
  const unit = y.scale[0] as number;
  return {
    ...{ fit, validation, test, loss: meanSquaredError, inputScale: 1 },
    makeModel: () => new Sequential(new Linear(9, 32), tanh, new Linear(32, 32), tanh, new Linear(32, 1)),
    metricOf: (loss) => unit * Math.sqrt(loss),
  };
}

async function spam(): Promise<TaskData> {
  const { mails, vocabulary } = await readMails();
  const [rest, test] = mails.split({ validation: 0.2, ...PARTS, stratify: "y" });
  const [fit, validation] = rest.split({ validation: 0.15, ...PARTS, stratify: "y" });
  const makeModel = () => new WordFilter(vocabulary);
  return { fit, validation, test, makeModel, loss: crossEntropy, inputScale: 1, metricOf: same };
}
