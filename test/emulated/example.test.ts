// A program of examples/ trains on the GPU that is emulated, as its user runs it: the losses are those of the CPU, bit for bit.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Lines that an example prints, with this driver for "cuda". */
function run(driver: string): string[] {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", "tsx", "examples/mlp-trainer.ts"],
    { cwd: root, encoding: "utf8", env: { ...process.env, ADASTEP_CUDA_DRIVER: driver } },
  );
  expect(stderr).to.equal("");
  expect(status).to.equal(0);
  return stdout.trim().split("\n");
}

describe("an example on the emulated GPU", function () {
  this.timeout(600_000);

  it("mlp-trainer.ts trains as on the CPU", () => {
    const isDevice = (line: string): boolean => line.startsWith("on ");
    const [cuda, cpu] = [run(process.env.ADASTEP_CUDA_DRIVER ?? ""), run("/nowhere/libcuda.so.1")];
    expect(cuda.find(isDevice)).to.match(/^on cuda/);
    expect(cpu.find(isDevice)).to.match(/^on cpu/);
    expect(cuda.filter((line) => !isDevice(line))).to.deep.equal(cpu.filter((line) => !isDevice(line)));
    const [, before, after] = /loss ([\d.]+) -> ([\d.]+)/.exec(cuda.at(-1) ?? "") ?? [];
    expect(Number(after)).to.be.below(Number(before) / 2);
  });
});
