// Every program in examples/, and every block of README that is marked runnable (```ts runnable), runs as a user runs it,
// with the package imported by its name, and its loss falls: the last "loss A -> B" that it prints has B below A.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Less than what a program does of its own, and the loss that is reached all the same. */
const BUDGETS: Readonly<Record<string, { readonly options: readonly string[]; readonly loss: number }>> = {
  "auto-mpg.ts": { options: [], loss: 0.2 }, // a linear regression has 0.19
  "characters.ts": { options: ["--steps", "60", "--heldOut", "64"], loss: 3 }, // single characters: 3.1
  "fashion-cnn.ts": { options: ["--epochs", "1", "--examples", "6000"], loss: 0.8 },
  "spam-filter.ts": { options: ["--epochs", "1"], loss: 0.1 },
};

/** Runs a program and gives what it printed. */
function run(file: string, options: readonly string[] = []): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", "tsx", file, ...options], {
    cwd: root,
    encoding: "utf8",
  });
  expect(stderr).to.equal("");
  expect(status).to.equal(0);
  return stdout;
}

function expectLossFell(stdout: string, below = Number.POSITIVE_INFINITY): void {
  const [, before, after] = [...stdout.matchAll(/loss ([\d.]+) -> ([\d.]+)/g)].at(-1) ?? [];
  expect(before, stdout).to.be.a("string");
  expect(Number(after)).to.be.below(Math.min(below, Number(before)));
}

describe("Examples", function () {
  this.timeout(300_000);
  const files = readdirSync(join(root, "examples")).filter((name) => name.endsWith(".ts"));

  it("are there", () => {
    expect(files).to.include.members(["mlp-trainer.ts", "own-loop.ts", ...Object.keys(BUDGETS)]);
  });

  for (const name of files) {
    const { options, loss } = BUDGETS[name] ?? {};
    it([name, ...(options ?? [])].join(" "), () =>
      expectLossFell(run(join(root, "examples", name), options), loss),
    );
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
