// What the emulated driver counted of the kernels that some work launched.

import { existsSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Device } from "../../lib/index.js";

/** One launch. Instructions are PTX instructions of warps, sectors are 32 bytes of global memory, a wavefront is what shared
 * memory serves at once; "ideal" is the least that the same requests could take. */
export interface Counters {
  readonly kernel: string;
  readonly grid: readonly [number, number, number];
  readonly block: readonly [number, number, number];
  readonly warpInstructions: number;
  readonly warpInstructionsByClass: Readonly<Record<string, number>>;
  readonly warpInstructionsByOpcode: Readonly<Record<string, number>>;
  readonly globalLoadSectors: number;
  readonly globalLoadSectorsIdeal: number;
  readonly globalStoreSectors: number;
  readonly globalStoreSectorsIdeal: number;
  readonly bytesLoaded: number;
  readonly bytesStored: number;
  readonly sharedWavefronts: number;
  readonly sharedWavefrontsIdeal: number;
  /** Wavefronts beyond the ideal. */
  readonly sharedBankConflicts: number;
  /** Of the block; and the warps' atomics and tensor-core operations (`mma`). */
  readonly barriers: number;
  readonly atomics: number;
  readonly tensorCoreOperations: number;
  readonly divergentBranches: number;
  /** Warps and threads that executed each line of the source, or of the PTX; with ADASTEP_EMULATOR_LINES only. */
  readonly instructionsByLine?: Readonly<Record<string, readonly [warps: number, threads: number]>>;
}

/** Runs `work` on an idle device and returns its launches in order. The driver looks at the variable at each launch. */
export async function counted(device: Device, work: () => void): Promise<Counters[]> {
  const file = join(tmpdir(), `adastep-counters-${process.pid}.jsonl`);
  await device.sync();
  process.env.ADASTEP_EMULATOR_COUNTERS = file;
  try {
    work();
    await device.sync();
    const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
    return lines.map((line) => JSON.parse(line) as Counters);
  } finally {
    delete process.env.ADASTEP_EMULATOR_COUNTERS;
    rmSync(file, { force: true });
  }
}
