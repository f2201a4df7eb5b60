// A recorded step: made once by running user code, then replayed by one native call per run.

import { checkBoolean, checkInteger, checkKeys, given } from "../check.js";
import { borrow } from "../device/borrow.js";
import type { DeviceBuffer } from "../device/buffer.js";
import { Device } from "../device/device.js";
import { sizeOf, viewAs } from "../device/dtype.js";
import { checkPrecision } from "../device/gemm.js";
import { ArgumentError, DisposedError, describe } from "../errors.js";
import { type ComputePrecision, promised } from "../native/native.js";
import { type Compiled, compile } from "./compile.js";
import { disableDropout } from "./dropout.js";
import { fuse } from "./fuse.js";
import { type BatchOf, checkBatch, checkInputs, type Inputs, type TensorsOf } from "./inputs.js";
import { listing } from "./listing.js";
import { plan } from "./plan.js";
import { prune } from "./prune.js";
import { type Node, Recorder } from "./recorder.js";
import { type Scalar, Tensor } from "./tensor.js";

type Results = Readonly<Record<string, Tensor>>;
/** What a run gives: a number for each scalar, a typed array for each other result. */
export type ResultsOf<R extends Results> = {
  [K in keyof R]: R[K] extends Scalar ? number : Float32Array | Int32Array | Uint8Array;
};

/** Options of `device.program`. */
export interface ProgramOptions {
  /** Seeds dropout. Default 0. */
  readonly seed?: number;
  /** Whether dropout and the statistics of batches are active. Default: if the program minimises something. */
  readonly training?: boolean;
  /**
   * What operands of matrix products are rounded to, also in gradients: of `matmul`, `linear`, convolution, attention and layers of
   * them. Everything else is f32: parameters, gradients, optimizer state, norms, softmax, losses, and the optimizer's own products
   * (Muon). bf16 has the range of f32, so that no loss scale is needed. On GPUs from compute capability 8.0 on it runs on tensor cores,
   * on the CPU it shows what the rounding does, at no gain in speed; results of the two agree to rounding, not to the bit. Default
   * "f32".
   */
  readonly precision?: ComputePrecision;
}

/** Bytes that a program uses. */
export interface ProgramBytes {
  /** Of intermediates, inputs and results, with reuse: all that the program allocates. */
  readonly arena: number;
  /** The same without reuse. */
  readonly unshared: number;
  /** Of buffers outside that it reads or writes: parameters, gradients, optimizer state. */
  readonly external: number;
}

/** A recorded step. Made by `device.program`; ends with `dispose()` or `using`. */
export class Program<I extends Inputs = Inputs, R extends Results = Results> {
  readonly device: Device;
  readonly inputs: I;
  readonly bytes: ProgramBytes;
  readonly #recorder: Recorder;
  readonly #results: R;
  readonly #single: boolean;
  readonly #nodes: readonly Node[];
  readonly #compiled: Compiled;
  readonly #externals: readonly DeviceBuffer[];
  #disposed = false;

  /** Internal: use `device.program`. */
  constructor(
    device: Device,
    inputs: I,
    body: (tensors: TensorsOf<I>) => Tensor | R,
    options: ProgramOptions = {},
  ) {
    checkKeys("device.program", options, ["seed", "training", "precision"]);
    this.device = device;
    this.inputs = checkInputs(inputs);
    this.#recorder = new Recorder(
      device,
      checkInteger("device.program: 'seed'", given(options.seed, 0), 0),
      checkPrecision("device.program: 'precision'", given(options.precision, "f32"), device),
    );
    const tensors = Object.fromEntries(
      Object.entries(inputs).map(([name, s]) => [name, this.#recorder.adopt(new Tensor(s.dtype, s.shape))]),
    );
    const returned = this.#recorder.record(() => body(tensors as TensorsOf<I>));
    this.#single = returned instanceof Tensor;
    this.#results = checkResults(this.#recorder, returned) as R;
    const training =
      options.training === undefined
        ? this.#recorder.minimizes
        : checkBoolean("device.program: 'training'", options.training);
    const purpose = training ? "training" : "evaluation";
    const recorded = this.#recorder.nodes.filter(({ only }) => only === undefined || only === purpose);
    if (!training) disableDropout(recorded);

    const outputs = Object.values(this.#results);
    const roots = new Set(outputs.map((tensor) => tensor.memory));
    this.#nodes = fuse(prune(recorded, roots), roots);
    const fed = [...Object.values(tensors), ...this.#recorder.scalars.map((slot) => slot.tensor)];
    const planned = plan(
      this.#nodes,
      fed.map((tensor) => tensor.memory),
      roots,
    );
    this.#compiled = compile(device, this.#nodes, planned, fed, outputs);
    this.#externals = externalsOf(this.#nodes);
    const external = this.#externals.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.bytes = { arena: planned.bytes, unshared: planned.unsharedBytes, external };
  }

  /** How many times it has run; random operations draw by it. Set it to continue a run that was interrupted. */
  get step(): number {
    return this.#recorder.step;
  }
  set step(value: number) {
    this.#recorder.step = checkInteger("program.step", value, 0);
  }

  /**
   * Runs the step: copies `batch` in, enqueues everything in one native call, and resolves with the results. Runs that are
   * started before others have ended queue up in order. A batch of `PrefetchedDataset.staged` is not copied: the device reads
   * it where it lies.
   * @throws ShapeError, DTypeError, ArgumentError for a batch that does not fit, DisposedError for a lent one that went back;
   * the promise rejects with a DeviceError for what the device finds.
   */
  run(batch: BatchOf<I>): Promise<ResultsOf<R>> {
    if (this.#disposed) {
      throw new DisposedError({
        argument: "program.run",
        got: "a disposed program",
        accepted: "a program that is alive",
      });
    }
    for (const external of this.#externals) this.device.own("program.run: a buffer that it uses", external);
    const arrays = checkBatch(this.inputs, batch);
    for (const hook of this.#recorder.beforeRun) hook();
    const scalars = this.#recorder.scalars.map((slot) => Float64Array.from(slot.supply()));
    const giveBack = borrow(this.device, Object.keys(this.inputs), arrays);
    const running = promised<ArrayBuffer>((done) => this.#compiled.native.run([...arrays, ...scalars], done));
    if (giveBack) running.then(giveBack, giveBack);
    this.#recorder.step += 1;
    for (const hook of this.#recorder.onRun) hook();
    return running.then((bytes) => this.#unpack(bytes));
  }

  #unpack(bytes: ArrayBuffer): ResultsOf<R> {
    const unpacked: Record<string, unknown> = {};
    let offset = 0;
    for (const [name, tensor] of Object.entries(this.#results)) {
      const size = tensor.length * sizeOf(tensor.dtype);
      const view = viewAs(tensor.dtype, bytes.slice(offset, offset + size));
      unpacked[name] = tensor.rank === 0 ? view[0] : view;
      offset += size;
    }
    return (this.#single ? unpacked.result : unpacked) as ResultsOf<R>;
  }

  /** Frees the program's memory once the runs that were started have ended. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#compiled.native.dispose();
    for (const buffer of this.#compiled.owned) buffer.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The operations in the order in which they run, one a line, with the user code that recorded them. */
  toString(): string {
    return listing(this.#nodes);
  }
}

function checkResults(recorder: Recorder, returned: unknown): Results {
  const results: unknown = returned instanceof Tensor ? { result: returned } : returned;
  const plain =
    typeof results === "object" && results !== null && Object.getPrototypeOf(results) === Object.prototype;
  if (!plain || !Object.values(results).every((value) => value instanceof Tensor)) {
    throw new ArgumentError({
      argument: "device.program: the function's result",
      got: describe(returned),
      accepted: "a Tensor or an object of Tensors",
    });
  }
  for (const [name, tensor] of Object.entries(results))
    recorder.lift(`device.program: result '${name}'`, tensor);
  return results as Results;
}

/** The buffers outside of the program that it reads or writes, one for each place. */
function externalsOf(nodes: readonly Node[]): DeviceBuffer[] {
  const found: DeviceBuffer[] = [];
  for (const external of new Set(nodes.flatMap((node) => node.spans.map(({ memory }) => memory.external)))) {
    const known = found.some(
      (other) => other.native === external?.native && other.byteOffset === external.byteOffset,
    );
    if (external && !known) found.push(external);
  }
  return found;
}

declare module "../device/device.js" {
  interface Device {
    /**
     * Records a step: calls `body` once with symbolic inputs; what it returns is what each run gives back.
     *
     * ```ts
     * using step = device.program({ x: f32(128, 784), y: i32(128) }, ({ x, y }) => adam.minimize(crossEntropy(model.forward(x), y)));
     * const { loss, gradNorm } = await step.run({ x, y });
     * ```
     */
    program<I extends Inputs, T extends Tensor>(
      inputs: I,
      body: (tensors: TensorsOf<I>) => T,
      options?: ProgramOptions,
    ): SingleProgram<I, T>;
    program<I extends Inputs, R extends Results>(
      inputs: I,
      body: (tensors: TensorsOf<I>) => R,
      options?: ProgramOptions,
    ): Program<I, R>;
  }
}

/** A program whose function returns one tensor: a run gives that one result. */
export type SingleProgram<I extends Inputs, T extends Tensor> = Omit<Program<I>, "run"> & {
  run(batch: BatchOf<I>): Promise<T extends Scalar ? number : Float32Array | Int32Array | Uint8Array>;
};

// The device layer does not know the tensor layer, so the method is added here, where both are known.
Device.prototype.program = function program(
  this: Device,
  inputs: Inputs,
  body: never,
  options?: ProgramOptions,
) {
  return new Program(this, inputs, body, options);
} as Device["program"];
