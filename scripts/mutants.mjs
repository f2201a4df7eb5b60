// Breaks the PTX of each CUDA kernel in turn and runs the tests that launch it (test/native/cuda, against the CPU) with
// the emulated driver on each mutant. A mutant is killed when a test fails or the memory checker reports. Exits with 1
// if one survives that mutants/equivalents.mjs does not list, or that no test executes.
//
//   node scripts/mutants.mjs [part of a kernel's name | --all | --sampled <part of a kernel's name>]
//
// Without arguments, of kernels that one template makes (the optimizer step, one kernel per rule) one is broken in every
// way and the others in a quarter of them, always the same (mutants/sample.mjs), and what mutants/equivalents.mjs lists
// is only shown to be executed, as far as its entries are not more than they say. --all, or a name, leaves nothing out;
// --sampled with a name leaves out of these kernels what a run without arguments does.
//
// NVCC=<path> chooses the compiler, as in nvcc.mjs; ADASTEP_JOBS=<n> runs so many at a time.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildProject, emulatedEnvironment } from "./emulated.mjs";
import { assumedEquivalent } from "./mutants/equivalents.mjs";
import { familiesOf, test } from "./mutants/families.mjs";
import { kernelsOf, mutantsOf } from "./mutants/mutations.mjs";
import { inParallel } from "./mutants/parallel.mjs";
import { report } from "./mutants/report.mjs";
import { isSampled } from "./mutants/sample.mjs";
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

const [argument, ofSample = ""] = process.argv.slice(2);
const wanted = argument === "--all" ? "" : argument === "--sampled" ? undefined : argument;
const isWanted = (mutant) =>
  wanted === undefined
    ? isSampled(mutant) && mutant.kernel.includes(ofSample)
    : mutant.kernel.includes(wanted);
const jobs = Number(process.env.ADASTEP_JOBS ?? availableParallelism());
const began = Date.now();
const since = () => `${((Date.now() - began) / 1000).toFixed(0)} s`;
const env = emulatedEnvironment({ quiet: true });
const program = join(buildProject("test/native/cuda", "test-cuda", { quiet: true }), "cuda-test");
const folder = mkdtempSync(join(tmpdir(), "adastep-mutants-"));
const results = [];
try {
  const families = await familiesOf(program, env, folder, jobs);
  const modules = readdirSync(sources)
    .filter((file) => file.endsWith(".cu"))
    .map((file) => ptxOf(join(sources, file), folder, "-lineinfo"));
  const mutants = modules.flatMap((ptx) => mutantsOf(ptx, textOf)).filter(isWanted);
  const kernels = new Set(mutants.map((mutant) => mutant.kernel));
  console.log(`${mutants.length} mutants of ${kernels.size} kernels; prepared in ${since()}`);

  const assumed = wanted === undefined ? assumedEquivalent(mutants) : new Set();
  const fileOf = (job) => join(folder, `${job}.ptx`);
  const runOn = async (file, ptx, kernel) => {
    if (!families.has(kernel)) return undefined; // no test launches it
    const { names, seconds } = families.get(kernel);
    writeFileSync(file, ptx);
    return await test(program, env, file, kernel, names, allowed(seconds));
  };

  // Unchanged, the same PTX must pass: else what kills the mutants may be something else.
  const broken = modules.filter((ptx) => kernelsOf(ptx).some(([kernel]) => kernels.has(kernel)));
  await inParallel(broken, jobs, async (ptx, job) => {
    const launched = kernelsOf(ptx).flatMap(([kernel]) => families.get(kernel) ?? []);
    const names = new Set(launched.flatMap((of) => of.names));
    writeFileSync(fileOf(job), ptx);
    const failure = await test(program, env, fileOf(job), "\\w+", [...names], 600);
    if (failure !== undefined)
      throw new Error(`${kernelsOf(ptx)[0][0]} and its module fail unchanged: ${failure}`);
  });
  await inParallel(mutants, jobs, async (mutant, job) => {
    const { kernel } = mutant;
    const killer = assumed.has(mutant) ? undefined : await runOn(fileOf(job), mutant.changed(), kernel);
    const reached = killer !== undefined || (await runOn(fileOf(job), mutant.trap(), kernel)) !== undefined;
    results.push({ ...mutant, killer, reached });
    if (results.length % 100 === 0) console.log(`${results.length} of ${mutants.length}, ${since()}`);
  });
} finally {
  rmSync(folder, { recursive: true });
}
const { good, wrong } = report(results);
console.log(`${since()}; killed or equivalent: ${good} passed, ${wrong} failed`);
process.exitCode = wrong === 0 ? 0 : 1;
