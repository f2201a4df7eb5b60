// The addon that is built here runs elsewhere: what it exports, and what it needs of the system.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { expect } from "chai";

const ADDON = "build/Release/adastep.node";
const lines = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: "utf8", maxBuffer: 1 << 26 }).split("\n");

describe("the built addon", () => {
  before(function () {
    if (!existsSync(ADDON)) this.skip(); // a clone that uses a prebuilt binary
  });

  it("exports what node looks up, and nothing else", () => {
    const defined = lines("nm", "-D", "--defined-only", ADDON).filter((line) => line !== "");
    expect(defined.map((line) => line.split(" ").at(-1))).to.have.members([
      "napi_register_module_v1",
      "node_api_module_get_api_version_v1",
    ]);
  });

  it("links to the C library and libgcc only, so to no CUDA library and no libstdc++", () => {
    const needed = lines("readelf", "-d", ADDON).flatMap((line) => /NEEDED.*\[(.+)\]/.exec(line)?.[1] ?? []);
    expect([
      "libc.so.6",
      "libm.so.6",
      "libgcc_s.so.1",
      "ld-linux-x86-64.so.2",
      "ld-linux-aarch64.so.1",
    ]).to.include.members(needed);
  });

  it("needs glibc 2.34 at most", () => {
    const versions = lines("readelf", "--version-info", "--wide", ADDON)
      .flatMap((line) => [...line.matchAll(/GLIBC_2\.(\d+)/g)])
      .map(([, minor]) => Number(minor));
    expect(Math.max(...versions)).to.be.within(2, 34);
  });
});
