// `adastep bench`: matrix products and optimizer steps on a device, timed from JavaScript.

import { cpus, loadavg } from "node:os";
import type { Device } from "../device/device.js";
import { gemm } from "../device/gemm.js";
import { parameter } from "../tensor/parameter.js";
import { count } from "../train/text.js";
import { EXIT, type ExitCode } from "./errors.js";
import { makeOptimizerOf } from "./model.js";
import { printJson, printLine, printText, tableText } from "./output.js";
import { openDevice, type Setting } from "./training.js";
import { OPTIMIZERS } from "./training-flags.js";

interface BenchValues extends Pick<Setting, "device" | "threads" | "json"> {
  readonly seconds: number | undefined;
}

/** Rows and columns of square matrices. */
const SIZES = [256, 512, 1024] as const;
/** Parameters of an optimizer step: 4 MiB of f32, above the second-level cache of most processors. */
const PARAMETERS = 2 ** 20;
const ROUNDS = 7;

/** Times of one operation, in seconds. */
interface Timing {
  readonly median: number;
  readonly fastest: number;
  readonly slowest: number;
  /** Operations per round. */
  readonly repeats: number;
}

/** @param label says what the figures are, and goes with them */
export async function bench(values: BenchValues, label: string): Promise<ExitCode> {
  using device = await openDevice(values);
  const each = (values.seconds ?? 3) / (SIZES.length + OPTIMIZERS.length);
  const products = [];
  for (const size of SIZES) {
    const timing = await timeProduct(device, size, each);
    products.push({ size, ...timing, gflops: (2 * size ** 3) / timing.median / 1e9 });
  }
  const steps = [];
  for (const optimizer of OPTIMIZERS) {
    const timing = await timeSteps(device, optimizer, each);
    steps.push({ optimizer, parameters: PARAMETERS, ...timing, perSecond: PARAMETERS / timing.median });
  }
  const machine = { device: String(device), processor: cpus()[0]?.model ?? "", load: loadavg()[0] ?? 0 };
  if (values.json) {
    printJson({ label, ...machine, gemm: products, steps });
    return EXIT.ok;
  }
  printLine("device", machine.device);
  printLine("load", `${machine.load.toFixed(2)} processes, mean of the last minute`);
  printText(
    tableText(
      [
        ["gemm, f32", "ms", "fastest", "slowest", "GFLOP/s"],
        ...products.map(({ size, gflops, ...timing }) => [
          `${size} x ${size} x ${size}`,
          ...cells(timing),
          gflops.toFixed(1),
        ]),
      ],
      1,
    ),
  );
  printText(
    tableText(
      [
        [`step, ${count(PARAMETERS)} f32`, "ms", "fastest", "slowest", "parameters/s"],
        ...steps.map(({ optimizer, perSecond, ...timing }) => [
          optimizer,
          ...cells(timing),
          perSecond.toExponential(2),
        ]),
      ],
      1,
    ),
  );
  printText(label);
  return EXIT.ok;
}

const cells = ({ median, fastest, slowest }: Timing): string[] =>
  [median, fastest, slowest].map((seconds) => (1000 * seconds).toFixed(3));

async function timeProduct(device: Device, size: number, seconds: number): Promise<Timing> {
  const values = Float32Array.from({ length: size * size }, (_, i) => ((i * 7919) % 1000) / 1000 - 0.5);
  using a = device.from(values, [size, size]);
  using b = device.from(values, [size, size]);
  using c = device.alloc("f32", [size, size]);
  return await time(device, () => gemm(c, a, b), seconds);
}

async function timeSteps(
  device: Device,
  name: (typeof OPTIMIZERS)[number],
  seconds: number,
): Promise<Timing> {
  const gradients = Float32Array.from({ length: PARAMETERS }, (_, i) => ((i * 7919) % 1000) / 1000 - 0.5);
  using w = device.alloc("f32", [PARAMETERS]);
  using dw = device.from(gradients, [PARAMETERS]);
  using optimizer = makeOptimizerOf(name, [parameter("w", w, dw)], { lr: 1e-3 });
  return await time(device, () => optimizer.step(), seconds);
}

/** Enqueues an operation again and again; a round ends when the device has done them all. */
async function time(device: Device, operation: () => void, seconds: number): Promise<Timing> {
  const round = async (repeats: number): Promise<number> => {
    const began = performance.now();
    for (let i = 0; i < repeats; i++) operation();
    await device.sync();
    return (performance.now() - began) / 1000 / repeats;
  };
  await round(1); // memory is touched, code is compiled
  const once = await round(3);
  const repeats = Math.max(1, Math.round(seconds / ROUNDS / once));
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) times.push(await round(repeats));
  const [fastest = 0, ...rest] = times.sort((a, b) => a - b);
  return { median: times[(ROUNDS - 1) / 2] as number, fastest, slowest: rest.at(-1) ?? fastest, repeats };
}
