// Breaks the PTX of each CUDA kernel in turn and runs the tests that launch it (test/native/cuda, against the CPU) with
// the emulated driver on each mutant. A mutant is killed when a test fails or the memory checker reports. Exits with 1
// if one survives that mutants/equivalents.mjs does not list, or that no test executes.
//
//   node scripts/mutants.mjs [part of a kernel's name | --settled]
//
// --settled leaves out the kernels of mutants/unsettled.mjs, whose survivors nobody has looked at yet: CI runs that.
//
// NVCC=<path> chooses the compiler, as in kernel-resources.mjs.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildProject, emulatedEnvironment } from "./emulated.mjs";
import { EQUIVALENT } from "./mutants/equivalents.mjs";
import { familiesOf, test } from "./mutants/families.mjs";
import { kernelsOf, mutantsOf } from "./mutants/mutations.mjs";
import { report } from "./mutants/report.mjs";
import { UNSETTLED } from "./mutants/unsettled.mjs";
import { ptxOf } from "./nvcc.mjs";

const sources = join(fileURLToPath(new URL("..", import.meta.url)), "cuda", "kernels");

/** A mutant that takes so much longer than the kernel unchanged does not end, which a test notices too. */
const allowed = (unchanged) => 10 + 20 * unchanged; // seconds

/** A line of a source file: `file: text`. */
const textOf = (() => {
  const files = new Map();
  return (path, line) => {
    if (!files.has(path)) files.set(path, readFileSync(path, "utf8").split("\n"));
    return `${basename(path)}: ${files.get(path)[line - 1]?.trim() ?? ""}`;
  };
})();

const settled = process.argv[2] === "--settled";
const wanted = settled ? "" : (process.argv[2] ?? "");
const isWanted = ({ kernel }) => kernel.includes(wanted) && !(settled && UNSETTLED.test(kernel));
const began = Date.now();
const since = () => `${((Date.now() - began) / 1000).toFixed(0)} s`;
const env = emulatedEnvironment({ quiet: true });
const program = join(buildProject("test/native/cuda", "test-cuda", { quiet: true }), "cuda-test");
const folder = mkdtempSync(join(tmpdir(), "adastep-mutants-"));
const results = [];
try {
  const families = familiesOf(program, env, folder);
  const modules = readdirSync(sources)
    .filter((file) => file.endsWith(".cu"))
    .map((file) => ptxOf(join(sources, file), folder, "-lineinfo"));
  const mutants = modules.flatMap((ptx) => mutantsOf(ptx, textOf)).filter(isWanted);
  const kernels = new Set(mutants.map((mutant) => mutant.kernel));
  console.log(`${mutants.length} mutants of ${kernels.size} kernels; prepared in ${since()}`);

  const seconds = new Map(); // that a kernel's tests take, unchanged
  const runOn = async (file, source, kernel) => {
    writeFileSync(file, source);
    const limit = allowed(seconds.get(kernel) ?? 60);
    return await test(program, env, file, kernel, families.get(kernel) ?? ["(no family)"], limit);
  };
  // Unchanged, the same PTX must pass: else what kills the mutants may be something else.
  const unchanged = modules.flatMap((ptx) =>
    kernelsOf(ptx)
      .map(([kernel]) => ({ kernel, changed: () => ptx, unchanged: true }))
      .filter(({ kernel }) => kernels.has(kernel)),
  );
  const worker = async (file, queue) => {
    for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
      const start = Date.now();
      const killer = await runOn(file, mutant.changed(), mutant.kernel);
      const took = (Date.now() - start) / 1000;
      if (mutant.unchanged) {
        if (killer !== undefined) throw new Error(`${mutant.kernel} fails unchanged: ${killer}`);
        seconds.set(mutant.kernel, took);
        continue;
      }
      const reached = killer !== undefined || (await runOn(file, mutant.trap(), mutant.kernel)) !== undefined;
      results.push({ ...mutant, killer, reached });
      if (results.length % 100 === 0) console.log(`${results.length} of ${mutants.length}, ${since()}`);
    }
  };
  for (const queue of [unchanged, [...mutants]]) {
    const files = Array.from({ length: availableParallelism() }, (_, k) => join(folder, `${k}.ptx`));
    await Promise.all(files.map((file) => worker(file, queue)));
  }
} finally {
  rmSync(folder, { recursive: true });
}
const { good, wrong } = report(results, EQUIVALENT);
console.log(`${since()}; killed or equivalent: ${good} passed, ${wrong} failed`);
process.exitCode = wrong === 0 ? 0 : 1;
