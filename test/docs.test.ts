// Every block of TypeScript in README and docs/ fits the types of the package. What a block takes for granted is declared here;
// what it has of the package is imported. Needs dist/.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What stands around the blocks. */
const SURROUNDINGS = `import type * as own from "adastep";
declare global {
  const device: own.Device, model: own.Module, optimizer: own.Adam, adam: own.Adam, trainer: own.Trainer;
  const train: own.Dataset<"x" | "y">, validation: typeof train, test: typeof train;
  const batch: { x: own.InputSpec<"f32">; y: own.InputSpec<"i32"> }, step: { run(batch: object): Promise<unknown> };
  const options: own.RunOptions, drop: own.Plateau, signal: AbortSignal, epoch: number;
  const airports: own.Categories, towns: own.Categories, names: string[], text: string, path: string;
  const show: (value: unknown) => void, use: (value: unknown) => void;
  const { readFile, writeFile }: typeof import("node:fs/promises");
  const ort: typeof import("onnxruntime-node"), data: Float32Array, examples: number;
  const size: number, places: { name: string; at: number; shape: number[] }[];
  class Residual extends own.Module { inner: own.Linear; forward(x: own.Tensor): own.Tensor }
}
`;

const CONFIG = { extends: "../../tsconfig.json", compilerOptions: { types: ["node"] }, include: ["./*.ts"] };

/** Names that lib/index.ts exports: whether each is a type alone. */
function exported(): Map<string, boolean> {
  const index = readFileSync(join(root, "lib", "index.ts"), "utf8");
  const found = [...index.matchAll(/^export (type )?\{([^}]*)\}/gm)].flatMap(([, all, list = ""]) =>
    list
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== "")
      .map((entry) => {
        const name = entry.replace(/^type /, "").replace(/^.* as /, "");
        return [name, all !== undefined || entry.startsWith("type ")] as const;
      }),
  );
  return new Map(found);
}

/** The block as a module, on the lines that it has in its document. */
function moduleOf(code: string, line: number): string {
  const own = code.replace(/\/\/.*$/gm, "");
  const used = [...exported()].filter(([name]) => new RegExp(`(?<![.\\w])${name}\\b(?!:)`).test(own));
  const imports = used.map(([name, isType]) => (isType ? `type ${name}` : name));
  const head = /^import /m.test(own) ? "" : `import { ${imports.join(", ")} } from "adastep";`;
  return `${head}${"\n".repeat(line)}${code}`;
}

describe("Programs in the documents", function () {
  this.timeout(120_000);
  const documents = ["README.md", ...readdirSync(join(root, "docs")).map((name) => join("docs", name))];
  let folder: string;

  before(() => {
    mkdirSync(join(root, "build"), { recursive: true });
    folder = mkdtempSync(join(root, "build", "docs-")); // inside the package, so that "adastep" means it
  });
  after(() => rmSync(folder, { recursive: true }));

  it("fit the types of the package", () => {
    let blocks = 0;
    for (const document of documents.filter((name) => name.endsWith(".md"))) {
      const text = readFileSync(join(root, document), "utf8");
      for (const match of text.matchAll(/^```ts.*\n([\s\S]*?)^```$/gm)) {
        const line = text.slice(0, match.index).split("\n").length;
        const name = `${document.replace(/\W/g, "_")}_${line}.ts`;
        writeFileSync(join(folder, name), moduleOf(match[1] ?? "", line));
        blocks += 1;
      }
    }
    expect(blocks).to.be.above(15);
    writeFileSync(join(folder, "surroundings.d.ts"), SURROUNDINGS);
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(CONFIG));
    const tsc = join(root, "node_modules", ".bin", "tsc");
    const { stdout, status } = spawnSync(tsc, ["-p", folder], { encoding: "utf8", cwd: root });
    expect(stdout).to.equal("");
    expect(status).to.equal(0);
  });
});
