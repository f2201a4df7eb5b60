// What the package exports, and nothing else.

export { arrowTable } from "./data/arrow.js";
export type { AsyncBatches, Batch, Batches, BatchOptions, ExampleSource } from "./data/batches.js";
export { Categories, type CategoriesJSON, type CategoriesOptions } from "./data/categories.js";
export type { Column, ColumnData } from "./data/column.js";
export type { ColumnType } from "./data/convert.js";
export { type CsvOptions, type CsvSource, type CsvTable, csv } from "./data/csv.js";
export { type CsvTableOptions, csvTable } from "./data/csv-table.js";
export { Dataset, type SplitOptions } from "./data/dataset.js";
export { type Encoding, encodingsFromJSON, encodingsToJSON } from "./data/encodings.js";
export { FileDataset } from "./data/file-dataset.js";
export { writeFileAtomically } from "./data/files.js";
export { type IdxArray, readIdx } from "./data/idx.js";
export { type JsonLine, type JsonlOptions, jsonlTable, readJsonl } from "./data/jsonl.js";
export { type LibsvmData, type LibsvmOptions, libsvm } from "./data/libsvm.js";
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
export { parquetTable } from "./data/parquet.js";
export { PrefetchedDataset, type PrefetchOptions } from "./data/prefetch.js";
export type { BatchSource } from "./data/prefetch-messages.js";
export { type RecordSource, recordsTable } from "./data/records.js";
export {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsDType,
  type SafetensorsFile,
  type SafetensorsTensor,
} from "./data/safetensors.js";
export { Scaling, type ScalingJSON, type ScalingOptions, scaled } from "./data/scaling.js";
export { serveBatches } from "./data/serve-batches.js";
export type { ByteSource, Chunks } from "./data/source.js";
export {
  type SparseBatchOptions,
  SparseDataset,
  type SparseName,
  type SparseRows,
} from "./data/sparse.js";
export { type Parts, StreamDataset, type StreamOptions } from "./data/stream.js";
export { type FieldOptions, Table, type TableColumns, type TableStreamOptions } from "./data/table.js";
export {
  CharacterTokenizer,
  type Tokenizer,
  type TokenizerJSON,
  tokenizerFromJSON,
  type WordOptions,
  WordTokenizer,
} from "./data/tokenizer.js";
export { TokenWindows, type WindowOptions } from "./data/windows.js";
export { fromBF16, toBF16 } from "./device/bf16.js";
export { DeviceBuffer } from "./device/buffer.js";
export { Device, type DeviceOptions, devices } from "./device/device.js";
export type { ArrayOf, DType, Shape } from "./device/dtype.js";
export { type Activation, type GemmOptions, gemm } from "./device/gemm.js";
export type { RandomKey } from "./device/random.js";
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
export { encodeOnnx, exportOnnx, type OnnxOptions } from "./interchange/onnx.js";
export type {
  Attributes as OnnxAttributes,
  Graph as OnnxGraph,
  GraphValue as OnnxValue,
} from "./interchange/onnx-graph.js";
export {
  type OnnxContext,
  type OnnxEntry,
  type OnnxExporter,
  onnxExporter,
} from "./interchange/onnx-module.js";
export { openTensorBoard, TensorBoardWriter } from "./interchange/tensorboard.js";
export type { ComputePrecision, DeviceInfo, MemoryStats } from "./native/native.js";
export { type AttentionOptions, MultiHeadAttention } from "./nn/attention.js";
export { AvgPool2d, Conv2d, type Conv2dOptions, MaxPool2d } from "./nn/convolution.js";
export {
  Embedding,
  EmbeddingBag,
  type EmbeddingBagOptions,
  type EmbeddingOptions,
} from "./nn/embedding.js";
export { constant, fanInUniform, type Initializer, normal, uniform } from "./nn/init.js";
export { Dropout, type Layer, Linear, Sequential } from "./nn/layers.js";
export { binaryCrossEntropy, crossEntropy, type Loss, meanSquaredError } from "./nn/losses.js";
export { Declared, Module, type PlacementOptions } from "./nn/module.js";
export { BatchNorm, type BatchNormOptions, LayerNorm, RMSNorm } from "./nn/norms.js";
export { Adadelta, type AdadeltaOptions } from "./optim/adadelta.js";
export { Adafactor, type AdafactorOptions } from "./optim/adafactor.js";
export { AdaGrad, type AdaGradOptions } from "./optim/adagrad.js";
export { Adam, type AdamOptions, AdamW, type AdamWOptions } from "./optim/adam.js";
export { Adamax, type AdamaxOptions } from "./optim/adamax.js";
export type { AdaptiveClipOptions } from "./optim/adaptive.js";
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
export type { OptimizerBytes, StateArray } from "./optim/memory.js";
export { type AdjustLr, Muon, type MuonOptions } from "./optim/muon.js";
export { NAdam, type NAdamOptions } from "./optim/nadam.js";
export { type Group, Optimizer } from "./optim/optimizer.js";
export type { StepParts } from "./optim/parts.js";
export type { Precision } from "./optim/precision.js";
export { Prodigy, type ProdigyOptions } from "./optim/prodigy.js";
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
export type { SparseMode } from "./optim/sparse.js";
export type { LoadOptions, LoadReport, OptimizerState } from "./optim/state.js";
export type { StorageOptions } from "./optim/storage.js";
export type { Telemetry } from "./optim/telemetry.js";
export { importTorchState, type TorchStateOptions, type TorchTensor } from "./optim/torch-state.js";
export { Dashboard, type DashboardOptions, serveDashboard } from "./report/dashboard.js";
export {
  type EventSink,
  follow,
  type LoggedEvent,
  type LoggedRun,
  type MemoryEvent,
  type RunDescription,
} from "./report/events.js";
export { readRunLog } from "./report/read-log.js";
export { type ReportOptions, writeReport } from "./report/report.js";
export { openRunLog, RunLog, type RunLogOptions } from "./report/run-log.js";
export { attention } from "./tensor/attention.js";
export { type BagOptions, type Bags, embeddingBag } from "./tensor/bag.js";
export { type BatchNormArguments, batchNorm } from "./tensor/batch-norm.js";
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
  silu,
  sqrt,
  square,
  sub,
  tanh,
  withoutNaN,
} from "./tensor/elementwise.js";
export { embedding } from "./tensor/embedding.js";
export { gradients } from "./tensor/gradients.js";
export { f32, type InputSpec, i32, u8 } from "./tensor/inputs.js";
export { linear, type MatmulOptions, matmul } from "./tensor/matmul.js";
export { layerNorm, rmsNorm } from "./tensor/normalize.js";
export { Parameter, type ParameterType, parameter } from "./tensor/parameter.js";
export { Program, type ProgramBytes, type ProgramOptions, type SingleProgram } from "./tensor/program.js";
export type { Value } from "./tensor/recorder.js";
export { type AxisOptions, argmax, labelRank, max, mean, sum, sumOfSquares } from "./tensor/reduce.js";
export { cast, concat, flatten, reshape, slice, transpose } from "./tensor/shape.js";
export { crossEntropyRows, logSoftmax, type SoftmaxOptions, softmax } from "./tensor/softmax.js";
export { type Scalar, Tensor } from "./tensor/tensor.js";
export { type Total, type TotalOptions, total } from "./tensor/total.js";
export {
  avgPool2d,
  type ConvolutionOptions,
  conv2d,
  maxPool2d,
  type PoolOptions,
  type Size,
} from "./tensor/window.js";
export { type CheckpointEntry, listCheckpoints } from "./train/checkpoint-list.js";
export type { CheckpointOptions } from "./train/checkpoints.js";
export { describeModel } from "./train/describe.js";
export type { EarlyStoppingOptions } from "./train/early-stopping.js";
export type {
  CheckpointEvent,
  EndEvent,
  EndReason,
  EpochEvent,
  EvalEvent,
  Evaluation,
  GuardStepEvent,
  PauseEvent,
  StepEvent,
  TelemetryEvent,
  TrainerEvent,
} from "./train/events.js";
export type { InputColumns } from "./train/feed.js";
export type { MetricGoal } from "./train/goal.js";
export type { LearningRateReading } from "./train/lr-curve.js";
export {
  type FindLearningRateOptions,
  type FoundLearningRate,
  findLearningRate,
  type LearningRatePoint,
} from "./train/lr-finder.js";
export type {
  Metric,
  MetricBatch,
  Metrics,
  MetricValues,
  NoMetrics,
} from "./train/metrics.js";
export { binaryAccuracy, confusionMatrix, perplexity, rocAuc, topK } from "./train/metrics-labels.js";
export { meanAbsoluteError, rSquared } from "./train/metrics-numbers.js";
export type { EvaluateOptions, MemoryDataset, RunOptions, TrainerOptions } from "./train/options.js";
export { type OverfitBatchOptions, type OverfitBatchResult, overfitBatch } from "./train/overfit.js";
export { type OptimizerClass, type PlanCandidate, type PlanOptions, plan } from "./train/plan.js";
export { type PlanBytes, type PlanChoice, type PlanRefusal, TrainingPlan } from "./train/plan-table.js";
export type { Prediction } from "./train/predict.js";
export type { Phase, PhaseTime, PhaseTimes } from "./train/profile.js";
export { loadModel, saveModel } from "./train/save.js";
export { type LoadedOptimizer, loadOptimizer, saveOptimizer } from "./train/save-optimizer.js";
export {
  ModelSummary,
  type SummaryOptions,
  type SummaryParameter,
  type SummaryPart,
  summarize,
} from "./train/summary.js";
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
export { type Collected, type Contribution, collect } from "./train/totals.js";
export { type FitResult, Trainer } from "./train/trainer.js";
export { type TrainingTrialOptions, trainingTrial } from "./train/training-trial.js";
