// What the CUDA kernels use: a table of registers, shared memory and spills, per kernel and architecture. Exits
// with 1 if a kernel spills or has a stack, or if its PTX holds a load or store whose address space the compiler
// did not find out (they are slower, and mean that a pointer's origin was lost), or if ptxas did not say this of
// every kernel on every architecture.
//
//   node scripts/kernel-resources.mjs [architecture ...]        default: 75 80 86 89 90 100 120
//
// NVCC=<path> chooses the compiler; default: that of CUDA_HOME, CUDA_PATH or /usr/local/cuda, else on the PATH.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compile, ptxOf } from "./nvcc.mjs";
import { entriesOf, expectEvery, genericAccesses, resourcesOf } from "./ptxas.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const kernels = join(root, "cuda", "kernels");
const architectures = process.argv.length > 2 ? process.argv.slice(2) : "75 80 86 89 90 100 120".split(" ");
const [registerLimit, sharedLimit] = [255, 48 * 1024]; // of a thread; of a block without asking for more

/** The virtual architecture that the machine code of an architecture is made from, as in cuda/sources.cmake. */
const frontEnd = (architecture) => [120, 100, 80, 75].find((one) => one <= architecture);

/** The report of ptxas on a kernel file. */
function reportOf(source, folder) {
  const codes = architectures.flatMap((architecture) => [
    "-gencode",
    `arch=compute_${frontEnd(architecture)},code=sm_${architecture}`,
  ]);
  return compile(source, ...codes, "-t0", "-fatbin", "-Xptxas", "-v", "-o", join(folder, "fatbin"));
}

const folder = mkdtempSync(join(tmpdir(), "adastep-kernels-"));
const problems = [];
const rows = new Map();
try {
  for (const name of readdirSync(kernels).filter((file) => file.endsWith(".cu"))) {
    const source = join(kernels, name);
    const ptx = ptxOf(source, folder);
    const resources = resourcesOf(reportOf(source, folder));
    expectEvery(entriesOf(ptx), architectures, resources);
    problems.push(...genericAccesses(ptx).map((line) => `${name}: generic access: ${line}`));
    for (const { kernel, architecture, registers, shared, stack, spilled } of resources) {
      const row = rows.get(kernel) ?? { shared };
      rows.set(kernel, { ...row, shared: Math.max(row.shared, shared), [`sm_${architecture}`]: registers });
      const found = `${kernel} on sm_${architecture}`;
      if (stack > 0 || spilled > 0) problems.push(`${found}: ${stack} bytes of stack, ${spilled} spilled`);
      if (registers > registerLimit || shared > sharedLimit) problems.push(`${found}: over the limit`);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}

console.log("registers per thread by architecture; shared memory in bytes per block");
console.table(Object.fromEntries([...rows].sort()));
console.log(problems.length === 0 ? "no spills, no stack, no generic accesses" : problems.join("\n"));
process.exitCode = problems.length === 0 ? 0 : 1;
