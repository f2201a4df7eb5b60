// Registers and spills: what ptxas said of every kernel, for every architecture that is shipped
// (scripts/kernel-resources.mjs), and the reader of that.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { judge } from "../../scripts/ptxas.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

function run(environment: NodeJS.ProcessEnv = {}): { status: number | null; said: string } {
  const env = { ...process.env, ...environment };
  const options = { cwd: root, encoding: "utf8", env } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["scripts/kernel-resources.mjs"], options);
  return { status, said: `${stdout}\n${stderr}` };
}

describe("ptxas", () => {
  it("spills nothing, needs no stack, and knows the address space of every access", function () {
    this.timeout(600_000); // it compiles every kernel to PTX
    const { status, said } = run();
    expect(status, said).to.equal(0);
    expect(said).to.include("adastep_update_Adam").and.to.include("sm_120");
  });
});

// An nvcc whose PTX is of the kernels that the build reports on, and the line that it is told to write.
const FAKE = `#!/bin/sh
while [ "$1" != -o ]; do shift; done
for source; do :; done
report="build/fatbins/$(basename "$source" .cu).ptxas"
{ sed -n "s/.*entry function '\\(.*\\)' for.*/.entry \\1(/p" "$report"; echo "$FAKE_LINE"; } > "$2"
`;

describe("kernels:resources", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "adastep-fake-nvcc-"));
    writeFileSync(join(folder, "nvcc"), FAKE, { mode: 0o755 });
  });
  after(() => rmSync(folder, { recursive: true }));

  const read = (line: string): ReturnType<typeof run> => run({ NVCC: join(folder, "nvcc"), FAKE_LINE: line });

  it("exits with 0 if nothing is wrong, else with 1, naming the file and what is", () => {
    const right = read("ld.global.u32 %r1, [%rd1];");
    expect(right.status, right.said).to.equal(0);
    const generic = read("ld.u32 %r1, [%rd1];");
    expect(generic.status).to.equal(1);
    expect(generic.said).to.include("clip.cu: generic access: ld.u32 %r1, [%rd1];");
    const unread = read(".entry unread(");
    expect(unread.status).to.equal(1);
    expect(unread.said).to.include("ptxas says nothing of unread on sm_75");
  });
});

describe("the reader of what ptxas says", () => {
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

  it("passes what is right", () => {
    const { rows, problems } = judge(entry(PLAIN), report(80) + report(90), [80, 90]);
    expect(problems).to.eql([]);
    const used = { kernel: "k", registers: 40, shared: 128, stack: 0, spilled: 0 };
    expect(rows).to.eql([80, 90].map((architecture) => ({ ...used, architecture })));
  });

  it("refuses a report that says nothing, or not of every architecture, or PTX without a kernel", () => {
    expect(() => judge(entry(PLAIN), "", [80])).to.throw("ptxas says nothing of k on sm_80");
    expect(() => judge(entry(PLAIN), report(80), [80, 90])).to.throw("ptxas says nothing of k on sm_90");
    expect(() => judge("", report(80), [80])).to.throw("no kernel in the PTX");
  });

  it("refuses other words", () => {
    const reworded = report(80, 0, "Uses 300 regs, 64 bytes spilled");
    expect(() => judge(entry(PLAIN), reworded, [80])).to.throw("registers");
    const properties = report(80).replace("stack frame", "of stack");
    expect(() => judge(entry(PLAIN), properties, [80])).to.throw("stack frame");
  });

  it("finds spills, and more registers or shared memory than a block may take", () => {
    const [spilling, large] = [report(80, 8), report(90, 0, "Used 40 registers, 49153 bytes smem")];
    const greedy = report(120, 0, "Used 256 registers");
    const { problems } = judge(entry(PLAIN), spilling + large + greedy, [80, 90, 120]);
    const limit = ["k on sm_90: over the limit", "k on sm_120: over the limit"];
    expect(problems).to.eql(["k on sm_80: 0 bytes of stack, 16 spilled", ...limit]);
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
      const { problems } = judge(entry(`${PLAIN}\n${generic}`), report(80), [80]);
      expect(problems).to.have.length(1);
      expect(problems[0])
        .to.match(/^generic access: /)
        .and.to.include(generic);
    });
  }
});
