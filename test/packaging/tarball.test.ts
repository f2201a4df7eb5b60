// The packed package in an empty project: no install script, no compiler, nothing on PATH but node and npm.

import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { expect } from "chai";

/** Learns exclusive or, which no linear model can, and prints the loss before and after. */
const PROGRAM = `
async function main() {
  const device = await Device.open("cpu");
  const model = new Sequential(new Linear(2, 16), tanh, new Linear(16, 2)).to(device, { seed: 1 });
  const adam = new Adam(model.parameters(), { lr: 0.05 });
  const step = device.program({ x: f32(4, 2), y: i32(4) }, ({ x, y }) =>
    adam.minimize(crossEntropy(model.forward(x), y)));
  const batch = { x: Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1), y: Int32Array.of(0, 1, 1, 0) };
  const losses = [];
  for (let i = 0; i < 200; i++) losses.push((await step.run(batch)).loss);
  console.log(JSON.stringify({ first: losses[0], last: losses.at(-1) }));
  step.dispose();
  device.dispose();
}
main();
`;
const NAMES = "{ Adam, Device, Linear, Sequential, crossEntropy, f32, i32, tanh }";

describe("the packed package", () => {
  let folder: string;
  let project: string;
  let env: NodeJS.ProcessEnv;

  before(function () {
    this.timeout(600_000);
    folder = mkdtempSync(join(tmpdir(), "adastep-pack-"));
    // Packing builds the prebuilt binary; what is compiled already is not compiled again.
    execFileSync("npm", ["pack", "--silent", "--pack-destination", folder], { stdio: "pipe" });
    const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
    if (tarball === undefined) throw new Error("npm pack made no tarball");

    const path = join(folder, "bin");
    mkdirSync(path);
    for (const program of ["node", "npm"]) symlinkSync(find(program), join(path, program));
    env = { PATH: path, HOME: process.env.HOME ?? homedir() };
    project = join(folder, "project");
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), `{ "name": "empty", "private": true }`);
    npm("install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", join(folder, tarball));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const npm = (...args: string[]) => execFileSync(join(folder, "bin", "npm"), args, options());
  const node = (...args: string[]) => execFileSync(join(folder, "bin", "node"), args, options());
  const options = () => ({ cwd: project, env, encoding: "utf8", stdio: "pipe" }) as const;

  function trains(file: string, text: string): void {
    writeFileSync(join(project, file), text);
    const { first, last } = JSON.parse(node(file)) as { first: number; last: number };
    expect(first).to.be.closeTo(Math.log(2), 0.3);
    expect(last).to.be.below(0.05);
  }

  it("trains when it is imported", () => trains("train.mjs", `import ${NAMES} from "adastep";${PROGRAM}`));

  it("trains when it is required", () =>
    trains("train.cjs", `const ${NAMES} = require("adastep");${PROGRAM}`));

  it("is one module, imported or required", () => {
    writeFileSync(
      join(project, "both.cjs"),
      `import("adastep").then((m) => console.log(m.Adam === require("adastep").Adam))`,
    );
    expect(node("both.cjs")).to.equal("true\n");
  });

  it("has no script that npm runs at installation", () => {
    const { scripts } = JSON.parse(node("-p", `JSON.stringify(require("adastep/package.json"))`)) as {
      scripts: Record<string, string>;
    };
    expect(scripts).to.not.have.any.keys("preinstall", "install", "postinstall");
    expect(existsSync(join(project, "node_modules/adastep/binding.gyp"))).to.equal(false); // npm would run node-gyp
  });

  it("has a command line", () => {
    expect(node("node_modules/adastep/dist/cli/main.js", "--help")).to.include("adastep train");
  });
});

/** Where PATH has a program. */
function find(program: string): string {
  const folder = (process.env.PATH ?? "").split(delimiter).find((name) => existsSync(join(name, program)));
  if (folder === undefined) throw new Error(`no ${program} on PATH`);
  return realpathSync(join(folder, program));
}
