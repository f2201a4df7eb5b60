// Which tests of test/native/cuda launch which kernels, found by running them all once on the emulated driver.
import { execFile, spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { inParallel } from "./parallel.mjs";

/** Sizes for real GPUs, of kernels that faster tests launch too; and what leaves a context that fails ever after. */
const LEFT_OUT = new Set(["gemmHuge", "lost"]);

async function run(program, args, env) {
  try {
    return (await promisify(execFile)(program, args, { env })).stdout;
  } catch ({ message, stdout, stderr }) {
    throw new Error(`${args.join(" ")} fails unchanged: ${stdout}${stderr || message}`);
  }
}

/**
 * A map from the kernel's name to the `names` of its families of tests, the most particular and then the fastest first,
 * and the `seconds` they take.
 */
export async function familiesOf(program, env, folder, jobs) {
  const seconds = new Map();
  const kernels = new Map(); // how many a family launches
  const launching = new Map();
  const all = (await run(program, ["--list"], env)).trim().split("\n");
  const families = all.filter((family) => !LEFT_OUT.has(family));
  await inParallel(families, jobs, async (family, job) => {
    const counters = join(folder, `counters-${job}`);
    rmSync(counters, { force: true });
    const began = Date.now();
    await run(program, [family], { ...env, ADASTEP_EMULATOR_COUNTERS: counters });
    seconds.set(family, (Date.now() - began) / 1000);
    if (!existsSync(counters)) return;
    const launches = readFileSync(counters, "utf8").matchAll(/^\{"kernel":"(\w+)"/gm);
    const launched = new Set(Array.from(launches, ([, kernel]) => kernel));
    kernels.set(family, launched.size);
    for (const kernel of launched) launching.set(kernel, (launching.get(kernel) ?? new Set()).add(family));
  });
  const inOrder = (a, b) => kernels.get(a) - kernels.get(b) || seconds.get(a) - seconds.get(b);
  const those = (families) => ({
    names: [...families].sort(inOrder),
    seconds: [...families].reduce((sum, family) => sum + seconds.get(family), 0),
  });
  return new Map([...launching].map(([kernel, families]) => [kernel, those(families)]));
}

/** The checker's report on the kernel. On others too there are reports: of tests that plant an error. */
function reasonOf(output, kernel) {
  const report = new RegExp(`adastep emulator: ((?:(?!: kernel ).)*): kernel ${kernel},`).exec(output)?.[1];
  return report && `checker: ${report}`;
}

/**
 * Runs families of tests with a module's PTX in place of the one they have; resolves to what the first failure was, or
 * undefined.
 */
export function test(program, env, ptx, kernel, families, seconds) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, families, { env: { ...env, ADASTEP_EMULATOR_PTX: ptx } });
    let [output, ended] = ["", false];
    const end = (killer) => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      child.kill("SIGKILL");
      resolve(killer);
    };
    const timer = setTimeout(() => end("does not end"), seconds * 1000);
    child.stdout.on("data", (data) => {
      output += data;
      // The checker's report, which comes first, says more than the error that follows from it.
      const failed = /FAILED: (.*)\n/.exec(output);
      if (failed) setTimeout(() => end(reasonOf(output, kernel) ?? `test: ${failed[1]}`), 5);
    });
    child.stderr.on("data", (data) => {
      output += data;
    });
    child.on("error", reject);
    child.on("close", (status, signal) =>
      end(reasonOf(output, kernel) ?? (status === 0 ? undefined : `exit ${status ?? signal}`)),
    );
  });
}
