// Runs device tests on the CUDA backend with a CUDA driver that executes the embedded PTX on the CPU:
//
//   node scripts/emulated.mjs [mocha arguments]
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildOrExit } from "./native.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = join(root, "build", "emulator");

function must(program, args, env = process.env) {
  const { status } = spawnSync(program, args, { cwd: root, stdio: "inherit", env });
  if (status !== 0) process.exit(status ?? 1);
}

buildOrExit({ ifNeeded: true, quiet: true });
must("cmake", ["-S", "test/emulator", "-B", out, "-DCMAKE_BUILD_TYPE=Release"]);
must("cmake", ["--build", out, "--parallel", String(availableParallelism())]);

const mocha = createRequire(import.meta.url).resolve("mocha/bin/mocha.js");
const given = process.argv.slice(2);
const part = given.length > 0 ? given : ["test/{device,tensor,nn,optim}/**/*.test.ts"];
must(process.execPath, [mocha, "--timeout", "600000", ...part], {
  ...process.env,
  ADASTEP_CUDA_DRIVER: join(out, "libcuda-emulated.so"),
  ADASTEP_TEST_DEVICES: "cuda",
});
