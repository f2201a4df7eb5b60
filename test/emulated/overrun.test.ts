// A kernel that reaches one element past the end of a buffer: with ADASTEP_POOL=exact every buffer ends where its memory
// ends, so the checker sees it; and a kernel that was built with line info names its line.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { ptxOf } from "../../scripts/nvcc.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const url = (path: string): string => JSON.stringify(new URL(`../../${path}`, import.meta.url).href);

// The buffer between the two operations is one of the program's own blocks, a multiple of what blocks are aligned to.
const PROGRAM = `
  const { Device, exp, f32, tanh } = await import(${url("lib/index.ts")});
  const device = await Device.open("cuda");
  const step = device.program({ x: f32(128) }, ({ x }) => tanh(exp(x)));
  await step.run({ x: new Float32Array(128) }).then(() => console.log("ran"), (error) => console.log(error.code));
  device.dispose();
`;

describe("an overrun by one element", () => {
  const folder = mkdtempSync(join(tmpdir(), "adastep-overrun-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("of a buffer is reported with the line of the kernel, where every buffer has memory of its own", () => {
    const source = readFileSync(join(root, "cuda/kernels/elementwise.cu"), "utf8");
    const bound = "4 * quads + thread_index(); i < op.n;";
    expect(source.split(bound)).to.have.length(2);
    const broken = source.replace(bound, bound.replace("i < op.n", "i <= op.n"));
    const line = broken.split("\n").findIndex((text) => text.includes("y[i] = apply<kFn>(x[i]")) + 1;
    writeFileSync(join(folder, "elementwise.cu"), broken);
    const ptx = join(folder, "broken.ptx");
    writeFileSync(ptx, ptxOf(join(folder, "elementwise.cu"), folder, "-lineinfo"));

    const { stdout, stderr } = spawnSync(
      process.execPath,
      ["--import=tsx/esm", "--input-type=module", "--eval", PROGRAM],
      {
        cwd: root,
        env: { ...process.env, ADASTEP_POOL: "exact", ADASTEP_EMULATOR_PTX: ptx },
        encoding: "utf8",
      },
    );
    expect(stdout, stderr).to.equal("ADASTEP_DEVICE\n");
    expect(stderr).to.match(/global access out of bounds: kernel adastep_unary, elementwise\.cu:\d+/);
    expect(stderr).to.contain(`elementwise.cu:${line} `);
    expect(stderr).to.match(/ 0 bytes behind the end of device allocation #\d+ \(512 bytes\)/);
  });
});
