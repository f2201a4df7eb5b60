// What the CUDA kernels use: a table of registers, shared memory and spills, per kernel and architecture, as ptxas said when
// it compiled the machine code that is shipped (the addon is built if it is not up to date). Exits with 1 if a kernel
// spills or has a stack, or if its PTX holds a load or store whose address space the compiler did not find out (they are
// slower, and mean that a pointer's origin was lost), or if ptxas did not say this of every kernel on every architecture.
//
//   node scripts/kernel-resources.mjs
//
// NVCC=<path> chooses the compiler of the PTX, as in nvcc.mjs.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildOrExit } from "./native.mjs";
import { ptxOf } from "./nvcc.mjs";
import { judge } from "./ptxas.mjs";

const kernels = join(fileURLToPath(new URL("..", import.meta.url)), "cuda", "kernels");
const architectures = [75, 80, 86, 89, 90, 100, 120];

const reports = join(dirname(buildOrExit({ ifNeeded: true, quiet: true })), "..", "fatbins");
if (!existsSync(reports))
  throw new Error("the addon has no CUDA kernels: no nvcc was found when it was built");
const folder = mkdtempSync(join(tmpdir(), "adastep-kernels-"));
const problems = [];
const table = new Map();
try {
  for (const file of readdirSync(kernels).filter((name) => name.endsWith(".cu"))) {
    const report = readFileSync(join(reports, `${basename(file, ".cu")}.ptxas`), "utf8");
    const judged = judge(ptxOf(join(kernels, file), folder), report, architectures);
    problems.push(...judged.problems.map((problem) => `${file}: ${problem}`));
    for (const { kernel, architecture, registers, shared } of judged.rows) {
      const row = table.get(kernel) ?? { shared };
      table.set(kernel, { ...row, shared: Math.max(row.shared, shared), [`sm_${architecture}`]: registers });
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}

console.log("registers per thread by architecture; shared memory in bytes per block");
console.table(Object.fromEntries([...table].sort()));
console.log(problems.length === 0 ? "no spills, no stack, no generic accesses" : problems.join("\n"));
process.exitCode = problems.length === 0 ? 0 : 1;
