// What the package exports, and nothing else.

export type { Column, ColumnData } from "./data/column.js";
export { type CsvOptions, type CsvSource, type CsvTable, csv } from "./data/csv.js";
export { type Batch, type Batches, type BatchOptions, Dataset, type SplitOptions } from "./data/dataset.js";
export { writeFileAtomically } from "./data/files.js";
export { type IdxArray, readIdx } from "./data/idx.js";
export { DATASETS, type DatasetName, type NamedDataset, namedDataset } from "./data/named.js";
export {
  decodeNpy,
  encodeNpy,
  type NpyArray,
  type NpyDType,
  npyColumn,
  readNpy,
  writeNpy,
} from "./data/npy.js";
export {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsDType,
  type SafetensorsFile,
  type SafetensorsTensor,
} from "./data/safetensors.js";
export { fromBF16, toBF16 } from "./device/bf16.js";
export { DeviceBuffer } from "./device/buffer.js";
export { Device, type DeviceOptions, devices } from "./device/device.js";
export type { ArrayOf, DType, Shape } from "./device/dtype.js";
export { type Activation, type GemmOptions, gemm } from "./device/gemm.js";
export {
  AdastepError,
  ArgumentError,
  DataError,
  DeviceError,
  DisposedError,
  DTypeError,
  type ErrorCode,
  OutOfMemoryError,
  ShapeError,
  UnavailableError,
} from "./errors.js";
export type { DeviceInfo, MemoryStats } from "./native/native.js";
export {
  Embedding,
  EmbeddingBag,
  type EmbeddingBagOptions,
  type EmbeddingOptions,
} from "./nn/embedding.js";
export { constant, fanInUniform, type Initializer, normal, uniform } from "./nn/init.js";
export { Dropout, type Layer, LayerNorm, Linear, Sequential } from "./nn/layers.js";
export { binaryCrossEntropy, crossEntropy, type Loss, meanSquaredError } from "./nn/losses.js";
export { Declared, Module, type PlacementOptions } from "./nn/module.js";
export { Adadelta, type AdadeltaOptions } from "./optim/adadelta.js";
export { AdaGrad, type AdaGradOptions } from "./optim/adagrad.js";
export { Adam, type AdamOptions, AdamW, type AdamWOptions } from "./optim/adam.js";
export { Adamax, type AdamaxOptions } from "./optim/adamax.js";
export type { ClipOptions, StepOptions } from "./optim/clip.js";
export type { CommonOptions, DecayOptions, Semantics, WithGroups } from "./optim/family.js";
export type {
  GuardAction,
  GuardCause,
  GuardEvent,
  GuardOptions,
  LossScaleOptions,
} from "./optim/guard.js";
export { LAMB, type LAMBOptions } from "./optim/lamb.js";
export { Lion, type LionOptions } from "./optim/lion.js";
export type { OptimizerBytes } from "./optim/memory.js";
export { NAdam, type NAdamOptions } from "./optim/nadam.js";
export { type Group, Optimizer } from "./optim/optimizer.js";
export type { Precision } from "./optim/precision.js";
export { RAdam, type RAdamOptions } from "./optim/radam.js";
export { RMSprop, type RMSpropOptions } from "./optim/rmsprop.js";
export {
  type CosineOptions,
  type CosineRestartsOptions,
  cosine,
  cosineRestarts,
} from "./optim/schedule/cosine.js";
export { type CyclicOptions, cyclic, type OneCycleOptions, oneCycle } from "./optim/schedule/cycles.js";
export {
  type ExponentialScheduleOptions,
  exponentialSchedule,
  type MultiStepScheduleOptions,
  multiStepSchedule,
  type StepScheduleOptions,
  stepSchedule,
} from "./optim/schedule/decays.js";
export { type Plateau, type PlateauOptions, type PlateauState, plateau } from "./optim/schedule/plateau.js";
export {
  constantSchedule,
  type LinearScheduleOptions,
  linearSchedule,
  type PolynomialScheduleOptions,
  polynomialSchedule,
} from "./optim/schedule/ramps.js";
export { customSchedule, type Schedule } from "./optim/schedule/schedule.js";
export {
  inverseSqrt,
  type WarmupStableDecayOptions,
  warmup,
  warmupStableDecay,
} from "./optim/schedule/warmup.js";
export { ScheduleFreeAdamW, type ScheduleFreeAdamWOptions } from "./optim/schedule-free.js";
export { SGD, type SGDOptions } from "./optim/sgd.js";
export type { LoadOptions, LoadReport, OptimizerState } from "./optim/state.js";
export type { StorageOptions } from "./optim/storage.js";
export type { Telemetry } from "./optim/telemetry.js";
export { importTorchState, type TorchStateOptions, type TorchTensor } from "./optim/torch-state.js";
export { type BagOptions, embeddingBag } from "./tensor/bag.js";
export { dropout } from "./tensor/dropout.js";
export {
  abs,
  add,
  affine,
  div,
  equal,
  exp,
  gelu,
  greaterEqual,
  log,
  maximum,
  minimum,
  mul,
  neg,
  type Operand,
  relu,
  sigmoid,
  sqrt,
  square,
  sub,
  tanh,
} from "./tensor/elementwise.js";
export { embedding } from "./tensor/embedding.js";
export { gradients } from "./tensor/gradients.js";
export { f32, type InputSpec, i32, u8 } from "./tensor/inputs.js";
export { linear, type MatmulOptions, matmul } from "./tensor/matmul.js";
export { layerNorm } from "./tensor/normalize.js";
export { Parameter, type ParameterType, parameter } from "./tensor/parameter.js";
export { Program, type ProgramBytes, type ProgramOptions, type SingleProgram } from "./tensor/program.js";
export type { Value } from "./tensor/recorder.js";
export { type AxisOptions, argmax, max, mean, sum, sumOfSquares } from "./tensor/reduce.js";
export { cast, concat, flatten, reshape, slice, transpose } from "./tensor/shape.js";
export { crossEntropyRows, logSoftmax, softmax } from "./tensor/softmax.js";
export { type Scalar, Tensor } from "./tensor/tensor.js";
export { describeModel } from "./train/describe.js";
export type {
  EndEvent,
  EpochEvent,
  EvalEvent,
  Evaluation,
  GuardStepEvent,
  StepEvent,
  TrainerEvent,
} from "./train/events.js";
export type { InputColumns } from "./train/feed.js";
export type { LearningRateReading } from "./train/lr-curve.js";
export {
  type FindLearningRateOptions,
  type FoundLearningRate,
  findLearningRate,
  type LearningRatePoint,
} from "./train/lr-finder.js";
export type { EvaluateOptions, RunOptions, TrainerOptions } from "./train/options.js";
export { type OptimizerClass, type PlanCandidate, type PlanOptions, plan } from "./train/plan.js";
export { type PlanBytes, type PlanChoice, type PlanRefusal, TrainingPlan } from "./train/plan-table.js";
export type { Prediction } from "./train/predict.js";
export { loadModel, saveModel } from "./train/save.js";
export { type LoadedOptimizer, loadOptimizer, saveOptimizer } from "./train/save-optimizer.js";
export {
  type Figures,
  type SweepEndEvent,
  type SweepEvent,
  type SweepOptions,
  sweep,
  type Trial,
  type TrialEvent,
} from "./train/sweep.js";
export {
  type OptimizerSummary,
  type Score,
  type SweepPoint,
  summarizeSweep,
  type TrialResult,
  type UsableRange,
} from "./train/sweep-summary.js";
export { type FitResult, Trainer } from "./train/trainer.js";
export { type TrainingTrialOptions, trainingTrial } from "./train/training-trial.js";
