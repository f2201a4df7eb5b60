// Prints what the CUDA kernels do, counted by the emulated driver: instructions, sectors of global memory, wavefronts of
// shared memory, each against the least possible. The launches are those of test/emulated/launches.ts.
//
//   node scripts/kernel-counters.mjs [part of a kernel's name]
import { emulatedEnvironment, must } from "./emulated.mjs";

const env = emulatedEnvironment({ quiet: true });
must(process.execPath, ["--import", "tsx/esm", "test/emulated/table.ts", ...process.argv.slice(2)], { env });
