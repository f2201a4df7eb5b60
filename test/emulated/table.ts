// Prints the counters of a fixed set of launches. Started by scripts/kernel-counters.mjs, which sets the emulated driver up.

import { Device } from "../../lib/index.js";
import { type Counters, counted } from "./counters.js";
import { LAUNCHES, prepare } from "./launches.js";

const [option = "", kernel = ""] = process.argv.slice(2);
const wanted = option === "--lines" ? kernel : option;
const ratio = (actual: number, ideal: number): string => (ideal === 0 ? "-" : (actual / ideal).toFixed(2));

function row(c: Counters): Record<string, string | number> {
  return {
    instructions: c.warpInstructions,
    "bytes loaded": c.bytesLoaded,
    "bytes stored": c.bytesStored,
    "load sectors": c.globalLoadSectors,
    "of ideal": ratio(c.globalLoadSectors, c.globalLoadSectorsIdeal),
    "store sectors": c.globalStoreSectors,
    "of ideal ": ratio(c.globalStoreSectors, c.globalStoreSectorsIdeal),
    wavefronts: c.sharedWavefronts,
    conflicts: c.sharedBankConflicts,
    fma: c.warpInstructionsByOpcode["fma.rn.f32"] ?? 0,
    mma: c.tensorCoreOperations,
    barriers: c.barriers,
    atomics: c.atomics,
    divergent: c.divergentBranches,
  };
}

const LINES = 20;

/** The lines that execute the most, of the kernel's own instructions. */
function printLines(title: string, c: Counters): void {
  const lines = Object.entries(c.instructionsByLine ?? {}).sort(([, [a]], [, [b]]) => b - a);
  console.log(`${title}: ${c.warpInstructions} instructions`);
  console.table(
    Object.fromEntries(
      lines.slice(0, LINES).map(([place, [warps, threads]]) => [
        place,
        {
          instructions: warps,
          "of all": `${((100 * warps) / c.warpInstructions).toFixed(1)} %`,
          "threads active": (threads / warps).toFixed(1),
        },
      ]),
    ),
  );
}

using device = await Device.open("cuda");
const table: Record<string, ReturnType<typeof row>> = {};
for (const launch of LAUNCHES) {
  for (const counters of await counted(device, prepare(device, launch))) {
    const name = counters.kernel.replace("adastep_", "");
    if (option === "--lines" ? name !== wanted : !name.includes(wanted)) continue;
    if (option === "--lines") printLines(`${name} ${launch.size}`, counters);
    table[`${name} ${launch.size}`] = row(counters);
  }
}
if (option !== "--lines") {
  console.log(
    "per launch: PTX instructions of warps, sectors of 32 bytes, wavefronts of shared memory, and their ratio to the least possible",
  );
  console.table(table);
}
