// Every program in examples/, and every block of README that is marked runnable (```ts runnable), runs as a user runs it,
// with the package imported by its name, and its loss falls: the last "loss A -> B" that it prints has B below A.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs a program and gives what it printed. */
function run(file: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", "tsx", file], {
    cwd: root,
    encoding: "utf8",
  });
  expect(stderr).to.equal("");
  expect(status).to.equal(0);
  return stdout;
}

function expectLossFell(stdout: string): void {
  const [, before, after] = [...stdout.matchAll(/loss ([\d.]+) -> ([\d.]+)/g)].at(-1) ?? [];
  expect(before, stdout).to.be.a("string");
  expect(Number(after)).to.be.below(Number(before));
}

describe("Examples", function () {
  this.timeout(60_000);
  const files = readdirSync(join(root, "examples")).filter((name) => name.endsWith(".ts"));

  it("are there", () => {
    expect(files).to.include.members(["mlp-trainer.ts", "own-loop.ts", "least-squares.ts"]);
  });

  for (const name of files) {
    it(name, () => expectLossFell(run(join(root, "examples", name))));
  }
});

describe("README", function () {
  this.timeout(60_000);
  const text = readFileSync(join(root, "README.md"), "utf8");
  const blocks = [...text.matchAll(/^```ts runnable\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => code);
  let folder: string;
  before(() => {
    // Inside the package, so that "adastep" means it.
    mkdirSync(join(root, "build"), { recursive: true });
    folder = mkdtempSync(join(root, "build", "readme-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  it("has programs that run", () => expect(blocks).not.to.be.empty);

  for (const [i, code] of blocks.entries()) {
    it(`block ${i + 1}: ${code.trim().split("\n")[0]}`, () => {
      const file = join(folder, `block-${i + 1}.ts`);
      writeFileSync(file, code);
      expectLossFell(run(file));
    });
  }
});
