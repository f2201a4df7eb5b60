// Registers and spills: ptxas on every kernel, for every architecture that is shipped (scripts/kernel-resources.mjs).

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

const root = fileURLToPath(new URL("../..", import.meta.url));

function run(
  environment: NodeJS.ProcessEnv = {},
  ...architectures: string[]
): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["scripts/kernel-resources.mjs", ...architectures],
    {
      cwd: root,
      encoding: "utf8",
      env: { ...process.env, ...environment },
    },
  );
  return { status, said: `${stdout}\n${stderr}` };
}

describe("ptxas", () => {
  it("spills nothing, needs no stack, and knows the address space of every access", function () {
    this.timeout(1_800_000); // it compiles every kernel for every architecture
    const { status, said } = run();
    expect(status, said).to.equal(0);
  });
});

// An nvcc that writes what it is told to: the PTX, or the report.
const FAKE = `#!/bin/sh
while [ $# -gt 0 ]; do
  case "$1" in
    -ptx) ptx=1 ;;
    -o) shift; out="$1" ;;
  esac
  shift
done
if [ "$ptx" ]; then cp "$FAKE_FOLDER/ptx" "$out"; else : > "$out"; cat "$FAKE_FOLDER/report" >&2; fi
`;

describe("the reader of what ptxas says", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "adastep-fake-nvcc-"));
    writeFileSync(join(folder, "nvcc"), FAKE, { mode: 0o755 });
  });
  after(() => rmSync(folder, { recursive: true }));

  const report = (
    architecture: number,
    spilled = 0,
    used = "Used 40 registers, used 1 barriers, 128 bytes smem",
  ): string =>
    `ptxas info    : Compiling entry function 'k' for 'sm_${architecture}'
ptxas info    : Function properties for k
    0 bytes stack frame, ${spilled} bytes spill stores, ${spilled} bytes spill loads
ptxas info    : ${used}
`;
  const entry = (body: string): string => `.version 9.0\n.visible .entry k(\n)\n{\n${body}\nret;\n}\n`;
  const PLAIN = `.file 1 "/a/ld.u32.cu" // ld.u32 %r1, [%rd1];
{ ld.global.u32 %r1, [%rd1]; }
@%p1 st.shared::cta.v2.u32 [%r2], {%r1, %r1}; bar.red.popc.u32 %r1, 0, %p1;
ld.param.u64 %rd1, [p]; redux.sync.add.u32 %r1, %r1, -1;
ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r1}, [%r2];
red.relaxed.gpu.global.add.u32 [%rd1], %r1; ld.local.u32 %r1, [l]; ld.const.u32 %r1, [c];`;

  function read(
    ptx: string,
    text: string,
    ...architectures: string[]
  ): { status: number | null; said: string } {
    writeFileSync(join(folder, "ptx"), ptx);
    writeFileSync(join(folder, "report"), text);
    return run({ NVCC: join(folder, "nvcc"), FAKE_FOLDER: folder }, ...architectures);
  }

  it("passes what is right", () => {
    const { status, said } = read(entry(PLAIN), report(80) + report(90), "80", "90");
    expect(status, said).to.equal(0);
  });

  it("refuses a report that says nothing, or not of every architecture, or PTX without a kernel", () => {
    const nothing = read(entry(PLAIN), "", "80");
    expect(nothing.status).to.equal(1);
    expect(nothing.said).to.include("ptxas says nothing of k on sm_80");
    const half = read(entry(PLAIN), report(80), "80", "90");
    expect(half.status).to.equal(1);
    expect(half.said).to.include("ptxas says nothing of k on sm_90");
    expect(read("", report(80), "80").said).to.include("no kernel in the PTX");
  });

  it("refuses other words", () => {
    const reworded = read(entry(PLAIN), report(80, 0, "Uses 300 regs, 64 bytes spilled"), "80");
    expect(reworded.status).to.equal(1);
    expect(reworded.said).to.include("registers");
    const properties = read(entry(PLAIN), report(80).replace("stack frame", "of stack"), "80");
    expect(properties.status).to.equal(1);
    expect(properties.said).to.include("stack frame");
  });

  it("finds spills", () => {
    const { status, said } = read(entry(PLAIN), report(80, 8), "80");
    expect(status).to.equal(1);
    expect(said).to.include("k on sm_80: 0 bytes of stack, 16 spilled");
  });

  for (const generic of [
    "ld.u32 %r1, [%rd1];",
    "@!%p1 ld.v4.u32 {%r1, %r2, %r3, %r4}, [%rd1];",
    "@%gate st.volatile.u32 [%rd1], %r1;",
    "{ ld.u32 %r1, [%rd1]; }",
    "{ld.u32 %r1, [%rd1];}",
    "add.u32 %r1, %r1, 1; st.u32 [%rd1], %r1;",
    "LABEL: ld.u32 %r1, [%rd1];",
    "ld.L1::no_allocate.b32 %r1, [%rd1];",
    "st.L2::128B.b32 [%rd1], %r1;",
    "ldmatrix.sync.aligned.m8n8.x1.b16 {%r1}, [%rd1];",
    "atom.add.u32 %r1, [%rd1], %r1;",
    "red.relaxed.gpu.add.u32 [%rd1], %r1;",
    "ldu.u32 %r1, [%rd1];",
  ]) {
    it(`finds the generic access of ${generic}`, () => {
      const { status, said } = read(entry(`${PLAIN}\n${generic}`), report(80), "80");
      expect(status, said).to.equal(1);
      expect(said).to.include(`generic access: ${generic}`);
    });
  }
});
