// Runs device tests on the CUDA backend with a CUDA driver that executes the embedded PTX on the CPU:
//
//   node scripts/emulated.mjs [mocha arguments]
//
// Without arguments: the device suite, and what only the emulated driver can tell (test/emulated).
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildOrExit } from "./native.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs a program in the root of the repository; ends this one with its status if that is not 0. */
export function must(program, args, { env = process.env, quiet = false } = {}) {
  const run = spawnSync(program, args, {
    cwd: root,
    stdio: quiet ? "pipe" : "inherit",
    encoding: "utf8",
    env,
  });
  if (run.status === 0) return;
  console.error(`${run.stdout ?? ""}${run.stderr ?? ""}${run.error?.message ?? ""}`);
  process.exit(run.status ?? 1);
}

/** Configures and builds a CMake project of the repository, and returns where. */
export function buildProject(source, name, { quiet = false, target = "all" } = {}) {
  const out = join(root, "build", name);
  must("cmake", ["-S", source, "-B", out, "-DCMAKE_BUILD_TYPE=Release"], { quiet });
  const jobs = process.env.ADASTEP_JOBS ?? String(availableParallelism());
  must("cmake", ["--build", out, "--target", target, "--parallel", jobs], { quiet });
  return out;
}

/** Builds what is not up to date; returns the environment in which "cuda" is the emulated driver. */
export function emulatedEnvironment({ quiet = false } = {}) {
  buildOrExit({ ifNeeded: true, quiet: true });
  const out = buildProject("test/emulator", "emulator", { quiet, target: "cuda-emulated" });
  return {
    ...process.env,
    ADASTEP_CUDA_DRIVER: join(out, "libcuda-emulated.so"),
    ADASTEP_TEST_DEVICES: "cuda",
    ADASTEP_POOL: "exact",
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const env = emulatedEnvironment();
  const mocha = createRequire(import.meta.url).resolve("mocha/bin/mocha.js");
  const given = process.argv.slice(2);
  const part = given.length > 0 ? given : ["test/{device,tensor,nn,optim,emulated}/**/*.test.ts"];
  // .mocharc.json, which leaves test/emulated out, is for a run without an emulator.
  const options = ["--no-config", "--node-option", "import=tsx/esm,expose-gc", "--timeout", "600000"];
  must(process.execPath, [mocha, ...options, ...part], { env });
}
