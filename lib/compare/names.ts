// What can be compared, by name: for the command line, which knows the names before it loads anything.

/** In the order in which they are reported. */
export const TASK_NAMES = ["digits", "fashion-mnist", "auto-mpg", "spam"] as const;
export type TaskName = (typeof TASK_NAMES)[number];

/** The first is what the others are held against. */
export const OPTIMIZER_NAMES = ["sgd", "momentum", "adagrad", "rmsprop", "adam", "adamw"] as const;
export type OptimizerName = (typeof OPTIMIZER_NAMES)[number];

/** One learning rate for all parameters, the same at every step. */
export const BASELINE: OptimizerName = "sgd";

/** Learning rates that are tried unless others are given: the same for all optimizers, half a decade apart. */
export const LEARNING_RATES: readonly number[] = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 3, 10];
