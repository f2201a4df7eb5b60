// What the CUDA kernels use: a table of registers, shared memory and spills, per kernel and architecture. Exits
// with 1 if a kernel spills or has a stack, or if its PTX holds a load or store whose address space the compiler
// did not find out (they are slower, and mean that a pointer's origin was lost).
//
//   node scripts/kernel-resources.mjs [architecture ...]        default: 75 80 86 89 90 100 120
//
// NVCC=<path> chooses the compiler; default: that of CUDA_HOME, CUDA_PATH or /usr/local/cuda, else on the PATH.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { compile, ptxOf } from "./nvcc.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const kernels = join(root, "cuda", "kernels");
const architectures = process.argv.length > 2 ? process.argv.slice(2) : "75 80 86 89 90 100 120".split(" ");
const [registerLimit, sharedLimit] = [255, 48 * 1024]; // of a thread; of a block without asking for more

/** The report of ptxas: one entry per kernel, e.g. "Used 40 registers, used 1 barriers, 128 bytes smem". */
function resources(source, architecture, folder) {
  const report = compile(
    source,
    `-arch=sm_${architecture}`,
    "-cubin",
    "-Xptxas",
    "-v",
    "-o",
    join(folder, "cubin"),
  );
  const entries = report.split("Compiling entry function '").slice(1);
  return entries.map((text) => {
    const number = (pattern) => Number(pattern.exec(text)?.[1] ?? 0);
    return {
      kernel: text.slice(0, text.indexOf("'")),
      registers: number(/Used (\d+) registers/),
      shared: number(/(\d+) bytes smem/),
      stack: number(/(\d+) bytes stack frame/),
      spilled: number(/(\d+) bytes spill stores/) + number(/(\d+) bytes spill loads/),
    };
  });
}

/** Lines of PTX with a load or store that names no address space. */
function genericAccesses(source, folder) {
  const generic = /^\s*(?:@!?%p\d+\s+)?(?:ld|st|atom|red)(?:\.(?!global|shared|param|local|const)\w+)+\s/;
  return ptxOf(source, folder)
    .split("\n")
    .filter((line) => generic.test(line))
    .map((line) => `${basename(source)}: generic access: ${line.trim()}`);
}

const folder = mkdtempSync(join(tmpdir(), "adastep-kernels-"));
const problems = [];
const rows = new Map();
try {
  for (const name of readdirSync(kernels).filter((file) => file.endsWith(".cu"))) {
    const source = join(kernels, name);
    problems.push(...genericAccesses(source, folder));
    for (const architecture of architectures) {
      for (const { kernel, registers, shared, stack, spilled } of resources(source, architecture, folder)) {
        const row = rows.get(kernel) ?? { shared };
        rows.set(kernel, { ...row, shared: Math.max(row.shared, shared), [`sm_${architecture}`]: registers });
        const found = `${kernel} on sm_${architecture}`;
        if (stack > 0 || spilled > 0) problems.push(`${found}: ${stack} bytes of stack, ${spilled} spilled`);
        if (registers > registerLimit || shared > sharedLimit) problems.push(`${found}: over the limit`);
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}

console.log("registers per thread by architecture; shared memory in bytes per block");
console.table(Object.fromEntries([...rows].sort()));
console.log(problems.length === 0 ? "no spills, no stack, no generic accesses" : problems.join("\n"));
process.exitCode = problems.length === 0 ? 0 : 1;
