// The import rule finds what it forbids: each case is a small tree with one breach.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";

describe("the import rule", () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "adastep-imports-"));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  /** The lines that the check prints about a tree of files. */
  function breaches(tree: Record<string, string>): string[] {
    const files = { "package.json": `{ "dependencies": { "csv-parse": "1" } }`, ...tree };
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(join(root, dirname(file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
    const run = spawnSync(process.execPath, ["scripts/check-imports.mjs", root], { encoding: "utf8" });
    const lines = run.stderr.split("\n").filter((line) => line !== "");
    expect(run.status).to.equal(lines.length === 0 ? 0 : 1);
    return lines;
  }

  it("lets the layers stand on each other", () => {
    expect(
      breaches({
        "lib/index.ts": `// all of it\nexport { a, type B } from "./train/a.js";\nexport * from "./nn/a.js";\n`,
        "lib/train/a.ts": `import { b } from "../nn/a.js";\nimport { c } from "../optim/a.js";\n`,
        "lib/nn/a.ts": `import fs from "node:fs";\nimport { e } from "../errors.js";\n`,
        "lib/optim/a.ts": `import type { T } from "./b.js";\n`,
        "lib/optim/b.ts": `import { t } from "./a.js";\nimport { parse } from "csv-parse/sync";\n`,
        "core/a.h": '#include <vector>\n// #include "cpu/a.h"\n',
        "cpu/a.h": '#include "core/a.h"\n',
        "cuda/a.cc": '#include "core/a.h"\nint x = cuInit(0);\n',
        "binding/a.cc": '#include "core/a.h"\n',
      }),
    ).to.deep.equal([]);
  });

  const forbidden: Record<string, [file: string, text: string, breach: string]> = {
    "optim in nn": [
      "lib/nn/a.ts",
      `import {\n  a,\n} from "../optim/a.js";\n`,
      "lib/nn/a.ts: nn may not import lib/optim/a.ts",
    ],
    "nn in optim, as a type": [
      "lib/optim/a.ts",
      `import type { A } from "../nn/a.js";\n`,
      "lib/optim/a.ts: optim may not import lib/nn/a.ts",
    ],
    "a higher layer, late": [
      "lib/device/a.ts",
      `const a = await import("../tensor/a.js");\n`,
      "lib/device/a.ts: device may not import lib/tensor/a.ts",
    ],
    "tensor in data": [
      "lib/data/a.ts",
      `import "../tensor/a.js";\n`,
      "lib/data/a.ts: data may not import lib/tensor/a.ts",
    ],
    "cli in train": [
      "lib/train/a.ts",
      `export { a } from "../cli/a.js";\n`,
      "lib/train/a.ts: train may not import lib/cli/a.ts",
    ],
    "a package nobody declared": [
      "lib/data/a.ts",
      `import a from "lodash";\n`,
      "lib/data/a.ts: lodash is no dependency",
    ],
    "code in index.ts": [
      "lib/index.ts",
      "export const answer = 42;\n",
      "lib/index.ts: index.ts exports, and nothing else",
    ],
    "a backend in core": ["core/a.h", '#include "cpu/a.h"\n', "core/a.h: core may not include cpu/a.h"],
    "the other backend": ["cpu/a.cc", '#include "cuda/a.h"\n', "cpu/a.cc: cpu may not include cuda/a.h"],
    "a backend in binding": [
      "binding/a.cc",
      '#include "cuda/a.h"\n',
      "binding/a.cc: binding may not include cuda/a.h",
    ],
    "the driver outside cuda": [
      "core/a.cc",
      "CUdeviceptr p = 0;\n",
      "core/a.cc: only cuda/ may name the CUDA driver: CUdeviceptr",
    ],
    "a file of many subjects": [
      "lib/nn/a.ts",
      "\n".repeat(401),
      "lib/nn/a.ts: 401 lines, more than 400: more than one subject?",
    ],
  };
  for (const [name, [file, text, breach]] of Object.entries(forbidden)) {
    it(`finds ${name}`, () => expect(breaches({ [file]: text })).to.deep.equal([breach]));
  }

  it("finds a circle", () => {
    const tree = {
      "lib/nn/a.ts": `import { b } from "./b.js";\n`,
      "lib/nn/b.ts": `import { a } from "./a.js";\n`,
    };
    expect(breaches(tree)).to.deep.equal(["a circle: lib/nn/a.ts -> lib/nn/b.ts -> lib/nn/a.ts"]);
  });
});
