// Prints what the CUDA kernels do, counted by the emulated driver: instructions, sectors of global memory, wavefronts of
// shared memory, each against the least possible. The launches are those of test/emulated/launches.ts.
//
//   node scripts/kernel-counters.mjs [part of a kernel's name]
//   node scripts/kernel-counters.mjs --lines <kernel>             the lines of its source that execute the most
//
// For lines, the kernel is compiled anew, with line info. NVCC=<path> chooses the compiler.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { emulatedEnvironment, must } from "./emulated.mjs";
import { ptxOf } from "./nvcc.mjs";

const kernels = fileURLToPath(new URL("../cuda/kernels", import.meta.url));

/** The PTX, with line info, of the file that holds a kernel. */
function ptxWithLines(kernel, folder) {
  for (const name of readdirSync(kernels).filter((file) => file.endsWith(".cu"))) {
    const ptx = ptxOf(join(kernels, name), folder, "-lineinfo");
    if (new RegExp(`\\.entry adastep_${kernel}\\(`).test(ptx)) return ptx;
  }
  throw new Error(`no kernel adastep_${kernel}`);
}

const args = process.argv.slice(2);
const env = emulatedEnvironment({ quiet: true });
const folder = mkdtempSync(join(tmpdir(), "adastep-counters-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
if (args[0] === "--lines") {
  env.ADASTEP_EMULATOR_PTX = join(folder, "lines.ptx");
  env.ADASTEP_EMULATOR_LINES = "1";
  writeFileSync(env.ADASTEP_EMULATOR_PTX, ptxWithLines(args[1], folder));
}
must(process.execPath, ["--import", "tsx/esm", "test/emulated/table.ts", ...args], { env });
