// Registers and spills: ptxas on every kernel, for the oldest and the most common architecture (scripts/kernel-resources.mjs
// without arguments does all of them).

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

const root = fileURLToPath(new URL("../..", import.meta.url));

describe("ptxas", () => {
  it("spills nothing, needs no stack, and knows the address space of every access", () => {
    const command = ["scripts/kernel-resources.mjs", "75", "80"];
    const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd: root, encoding: "utf8" });
    expect(status, `${stdout}\n${stderr}`).to.equal(0);
  });
});
