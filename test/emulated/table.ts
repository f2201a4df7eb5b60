// Prints the counters of a fixed set of launches. Started by scripts/kernel-counters.mjs, which sets the emulated driver up.

import { Device } from "../../lib/index.js";
import { type Counters, counted } from "./counters.js";
import { LAUNCHES, prepare } from "./launches.js";

const [wanted = ""] = process.argv.slice(2);
const ratio = (actual: number, ideal: number): string => (ideal === 0 ? "-" : (actual / ideal).toFixed(2));

function row(size: string, c: Counters): Record<string, string | number> {
  return {
    size,
    instructions: c.warpInstructions,
    "bytes loaded": c.bytesLoaded,
    "bytes stored": c.bytesStored,
    "load sectors": c.globalLoadSectors,
    "of ideal": ratio(c.globalLoadSectors, c.globalLoadSectorsIdeal),
    "store sectors": c.globalStoreSectors,
    "of ideal ": ratio(c.globalStoreSectors, c.globalStoreSectorsIdeal),
    wavefronts: c.sharedWavefronts,
    "of ideal  ": ratio(c.sharedWavefronts, c.sharedWavefrontsIdeal),
    fma: c.warpInstructionsByOpcode["fma.rn.f32"] ?? 0,
    barriers: c.warpInstructionsByClass.barrier ?? 0,
    divergent: c.divergentBranches,
  };
}

using device = await Device.open("cuda");
const table: Record<string, ReturnType<typeof row>> = {};
for (const launch of LAUNCHES) {
  for (const counters of await counted(device, prepare(device, launch))) {
    const name = counters.kernel.replace("adastep_", "");
    if (!name.includes(wanted)) continue;
    table[`${name} ${launch.size}`] = row("", counters);
  }
}
for (const entry of Object.values(table)) delete entry.size;
console.log(
  "per launch: PTX instructions of warps, sectors of 32 bytes, wavefronts of shared memory, and their ratio to the least possible",
);
console.table(table);
