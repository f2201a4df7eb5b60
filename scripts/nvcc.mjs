// The CUDA compiler, for the scripts that look at what it makes of the kernels. NVCC=<path> chooses it; default: that of
// CUDA_HOME, CUDA_PATH or /usr/local/cuda, else on the PATH.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const flags = ["-std=c++17", "-O3", "--fmad=false", `-I${root}`]; // as cuda/sources.cmake

const nvcc =
  process.env.NVCC ??
  [process.env.CUDA_HOME, process.env.CUDA_PATH, "/usr/local/cuda"]
    .map((home) => home && join(home, "bin", "nvcc"))
    .find((path) => path && existsSync(path)) ??
  "nvcc";

/** The PTX of a kernel file for compute capability 8.0, as the emulated driver runs it. */
export function ptxOf(source, folder, ...options) {
  const ptx = join(folder, "ptx");
  const words = [...flags, "-arch=compute_80", "-ptx", "-o", ptx, ...options, source];
  const { status, error, stderr } = spawnSync(nvcc, words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${nvcc} ${basename(source)}: ${error?.message ?? stderr}`);
  return readFileSync(ptx, "utf8");
}
