// A clone without compiler or CMake: one line that says what to install.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

describe("the native build without its tools", () => {
  let path: string;

  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), "adastep-path-"));
  });
  afterEach(() => rmSync(path, { recursive: true }));

  /** Builds with nothing on PATH but the given programs, which exist and are never called. */
  function build(...programs: string[]) {
    for (const program of programs) symlinkSync(process.execPath, join(path, program));
    const run = spawnSync(process.execPath, ["scripts/native.mjs"], {
      env: { PATH: path },
      encoding: "utf8",
    });
    return { status: run.status, output: run.stdout + run.stderr };
  }

  it("names the compiler", () => {
    expect(build()).to.deep.equal({
      status: 1,
      output: "adastep: no C++ compiler found: install g++ (Debian/Ubuntu: apt-get install g++)\n",
    });
  });

  it("names CMake", () => {
    expect(build("g++")).to.deep.equal({
      status: 1,
      output: "adastep: no CMake found: install cmake (Debian/Ubuntu: apt-get install cmake)\n",
    });
  });

  it("names the build tool", () => {
    expect(build("clang++", "cmake")).to.deep.equal({
      status: 1,
      output: "adastep: no build tool found: install ninja (Debian/Ubuntu: apt-get install ninja-build)\n",
    });
  });
});
